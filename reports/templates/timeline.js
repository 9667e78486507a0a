
// Timelines to look into. Where the page carries every sample, the timeline of a case that is opened is drawn anew from
// them, as wide as the page, and answers to mouse and keyboard. Titles, units and descriptions come with the samples.
{
  const [LEFT, RIGHT, HEAD, STRIP, BAND, BREAK, FOOT, ROOM] = [46, 12, 28, 96, 30, 8, 36, 3];
  const SPARSE = 8; // px between samples from which each is a dot
  const DRAG = 5; // px from which a movement is no click
  const HELP =
    "Drag over a stretch to look closer, double-click for the whole time. By keyboard: arrows move the cursor, with " +
    "Shift by ten samples; + and − zoom; Page Up and Page Down move along; Escape shows the whole time.";
  const KEYS = {
    ArrowLeft: (closer, by) => closer.step(-by),
    ArrowRight: (closer, by) => closer.step(by),
    Home: (closer) => closer.point(closer.nearest(closer.from)),
    End: (closer) => closer.point(closer.nearest(closer.to)),
    "+": (closer) => closer.zoom(0.5),
    "=": (closer) => closer.zoom(0.5),
    "-": (closer) => closer.zoom(2),
    PageUp: (closer) => closer.move(-0.5),
    PageDown: (closer) => closer.move(0.5),
    Escape: (closer) => closer.whole(),
  };

  // Each number is told by its distance from the one before, in units of its last decimal.
  function summed(steps, decimals) {
    let sum = 0;
    return steps.map((step) => (step === null ? null : (sum += step) / 10 ** decimals));
  }

  function read(packed) {
    const spans = (told) => told.map((span) => span.map((end) => end / 10 ** packed.decimals));
    return {
      ...packed,
      moments: summed(packed.moments, packed.decimals),
      tracks: packed.tracks.map((track) => ({ ...track, values: summed(track.values, track.decimals) })),
      windows: spans(packed.windows),
      bands: packed.bands.map((band) => ({ ...band, spans: spans(band.spans) })),
    };
  }

  function element(name, properties, ...inside) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...inside);
    return made;
  }

  function shape(name, attributes, ...inside) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    made.append(...inside);
    return made;
  }

  const short = (place) => Math.round(place * 10) / 10;
  const text = (x, y, words, classes) => shape("text", { x: short(x), y: short(y), class: classes }, words);
  // Thousands stand apart from 10 000 on, as everywhere on the page.
  const digits = (words) => (Math.abs(words) >= 1e4 ? String(words).replace(/\B(?=(\d{3})+$)/g, "\u202f") : words);

  // Round numbers from the one below a stretch to the one above it; about so many, and none closer than `finest`.
  function marks(low, high, wanted, finest = 0) {
    const rough = Math.max((high - low) / wanted, finest);
    const unit = 10 ** Math.floor(Math.log10(rough));
    const far = (factor) => Math.abs(unit * factor - rough);
    const step = unit * [1, 2, 2.5, 5, 10].reduce((best, factor) => (far(factor) < far(best) ? factor : best));
    const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
    return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(9)));
  }

  class Closer {
    constructor(figure, timelines) {
      this.timelines = timelines;
      this.caption = figure.querySelector("figcaption");
      this.caption.setAttribute("aria-live", "polite");
      this.readout = element("output", {});
      const help = element("p", { className: "remark help", id: `help-${figure.closest("[id]").id}` }, HELP);
      this.svg = shape("svg", { class: "chart", role: "application", tabindex: 0, "aria-describedby": help.id });
      figure.querySelector("svg").replaceWith(this.tools(), this.readout, this.svg);
      figure.append(help);
      figure.classList.add("closer");
      this.listen();
      this.choose(0);
    }

    tools() {
      const button = (words, act) => element("button", { type: "button", onclick: act }, words);
      const options = this.timelines.map((one) => element("option", {}, String(one.replicate)));
      const select = element("select", { onchange: () => this.choose(select.selectedIndex) }, ...options);
      this.fits = element("input", { type: "checkbox", onchange: () => this.draw() });
      const made = element(
        "div",
        { className: "tools" },
        ...(options.length > 1 ? [element("label", {}, "Replicate ", select)] : []),
        button("Zoom in", () => this.zoom(0.5)),
        button("Zoom out", () => this.zoom(2)),
        button("Earlier", () => this.move(-0.5)),
        button("Later", () => this.move(0.5)),
        button("Whole time", () => this.whole()),
        element("label", {}, this.fits, " Fit heights to what is shown"),
      );
      made.setAttribute("role", "group");
      made.setAttribute("aria-label", "What the timeline shows");
      return made;
    }

    listen() {
      const svg = this.svg;
      svg.addEventListener("keydown", (event) => {
        const act = !event.ctrlKey && !event.metaKey && !event.altKey && KEYS[event.key];
        if (!act) return;
        event.preventDefault();
        this.readout.setAttribute("aria-live", "polite");
        act(this, event.shiftKey ? 10 : 1);
      });
      svg.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        svg.setPointerCapture(event.pointerId);
        this.begun = event.clientX;
      });
      svg.addEventListener("pointermove", (event) => {
        this.readout.setAttribute("aria-live", "off"); // each movement told aloud would be noise
        this.point(this.nearest(this.seconds(event.clientX)));
        if (this.begun !== undefined) this.stretch(this.begun, event.clientX);
      });
      svg.addEventListener("pointerup", (event) => {
        const begun = this.begun;
        this.begun = undefined;
        if (begun === undefined || Math.abs(event.clientX - begun) < DRAG) return;
        this.show(...[begun, event.clientX].map((x) => this.seconds(x)).sort((one, other) => one - other));
      });
      svg.addEventListener("pointercancel", () => {
        this.begun = undefined;
        this.point(this.at);
      });
      svg.addEventListener("dblclick", () => this.whole());
      const wheel = (event) => {
        if (!event.ctrlKey) return; // as two fingers that spread send it
        event.preventDefault();
        this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.seconds(event.clientX));
      };
      svg.addEventListener("wheel", wheel, { passive: false });
      new ResizeObserver(() => this.width !== svg.getBoundingClientRect().width && this.draw()).observe(svg);
    }

    choose(place) {
      this.line = this.timelines[place];
      this.length = this.line.moments.at(-1);
      this.at = undefined;
      this.svg.setAttribute("aria-label", `${this.line.title}. ${this.line.description}`);
      this.whole();
    }

    whole() {
      this.show(0, this.length);
    }

    // So much of the time, moved into what there is.
    show(from, to) {
      const closest = (2 * this.length) / this.line.moments.length;
      const span = Math.min(Math.max(to - from, closest), this.length);
      this.from = Math.min(Math.max((from + to - span) / 2, 0), this.length - span);
      this.to = this.from + span;
      this.draw();
    }

    zoom(factor, around = this.shown ? this.line.moments[this.at] : (this.from + this.to) / 2) {
      this.show(around - (around - this.from) * factor, around + (this.to - around) * factor);
    }

    move(share) {
      const by = (this.to - this.from) * share;
      this.show(this.from + by, this.to + by);
    }

    step(by) {
      const { moments } = this.line;
      const next = this.shown ? this.at + by : this.nearest(by > 0 ? this.from : this.to);
      this.at = Math.min(Math.max(next, 0), moments.length - 1);
      const half = (this.to - this.from) / 2;
      if (this.shown) this.point(this.at);
      else this.show(moments[this.at] - half, moments[this.at] + half);
    }

    get shown() {
      const at = this.line.moments[this.at];
      return this.from <= at && at <= this.to;
    }

    seconds(clientX) {
      const place = (clientX - this.svg.getBoundingClientRect().left - LEFT) / this.plot;
      return this.from + Math.min(Math.max(place, 0), 1) * (this.to - this.from);
    }

    nearest(seconds) {
      const { moments } = this.line;
      const after = moments.findIndex((moment) => moment >= seconds);
      if (after < 1) return after < 0 ? moments.length - 1 : 0;
      return seconds - moments[after - 1] < moments[after] - seconds ? after - 1 : after;
    }

    draw() {
      const { line, from, to } = this;
      this.width = this.svg.getBoundingClientRect().width;
      this.plot = Math.max(this.width - LEFT - RIGHT, 1); // what is hidden has no width
      this.x = (seconds) => (this.plot * (seconds - from)) / (to - from);
      const below = line.tracks.length * (HEAD + STRIP) + BREAK * Boolean(line.bands.length);
      this.bottom = below + line.bands.length * BAND;
      this.heights = line.tracks.map((track) => this.scale(track));
      this.over = shape("g", { class: "over" });
      this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.bottom + FOOT}`);
      this.svg.replaceChildren(
        ...line.tracks.flatMap((track, row) => this.strip(track, row, row * (HEAD + STRIP) + HEAD)),
        ...line.bands.flatMap((band, row) => this.band(band, below + row * BAND)),
        ...this.times().map((mark) => text(LEFT + this.x(mark), this.bottom + 16, digits(mark), "axis middle")),
        text(this.width - RIGHT, this.bottom + 31, "seconds", "axis end"),
        this.over,
      );
      const decimals = Math.max(2 - Math.floor(Math.log10(to - from)), 0);
      const [begin, end] = [from, to].map((seconds) => digits(seconds.toFixed(decimals)));
      const caption = to - from < this.length ? `${line.title}, ${begin} to ${end} s` : line.title;
      if (this.caption.textContent !== caption) this.caption.textContent = caption;
      this.point(this.at);
    }

    times() {
      const found = marks(this.from, this.to, Math.max(this.plot / 90, 2));
      return found.filter((mark) => this.from <= mark && mark <= this.to);
    }

    // The marks of a track's axis, and where a value stands in its strip: from 0, or as high as what is shown.
    scale(track) {
      const { moments } = this.line;
      const fits = this.fits.checked;
      const counts = (value, at) => value !== null && (!fits || (this.from <= moments[at] && moments[at] <= this.to));
      const values = track.values.filter(counts);
      if (!values.length) return { marks: [], y: () => STRIP }; // nothing was read of it in what is shown
      const most = values.reduce((one, other) => Math.max(one, other));
      if (!fits) {
        const found = marks(0, most > 0 ? most : 1, 3);
        return { marks: found, y: (value) => STRIP * (1 - Math.max(value, 0) / found.at(-1)) };
      }
      const least = values.reduce((one, other) => Math.min(one, other));
      const finest = 10 ** -track.decimals;
      const beside = Math.max((most - least) / 20, finest / 2);
      const [low, high] = [least - beside, most + beside];
      const found = marks(least, most, 3, finest).filter((mark) => low <= mark && mark <= high);
      return { marks: found, y: (value) => (STRIP * (high - value)) / (high - low) };
    }

    strip(track, row, top) {
      const { marks: heights, y } = this.heights[row];
      const place = ([seconds, value]) => `${short(this.x(seconds))} ${short(y(value) + ROOM)}`;
      const runs = this.runs(track);
      const lines = runs.map((run) => `M${run.map(place).join("L")}${run.length > 1 ? "" : "h0"}`);
      const dots = runs.flat().map((moment) => `M${place(moment)}h0`);
      const parts = [
        ["window", this.boxes(this.line.windows, STRIP)],
        ["grid", heights.map((mark) => `M0 ${short(y(mark) + ROOM)}h${this.plot}`).join("")],
        ["line trace", lines.join("")],
        ["dots", this.plot > SPARSE * dots.length ? dots.join("") : ""],
      ];
      const drawn = parts.map(([name, path]) => shape("path", { class: name, d: path }));
      return [
        text(0, top - 9, `${track.title}, ${track.unit}`, "axis"),
        shape("g", { class: `s${row}` }, this.inset(top, STRIP, ...drawn)),
        ...heights.map((mark) => text(LEFT - 6, top + y(mark) + 4, digits(mark), "axis end")),
      ];
    }

    // What was read within what is shown and just beside it, in runs between which nothing was read.
    runs(track) {
      const runs = [];
      track.values.forEach((value, at) => {
        if (value === null) return;
        const seconds = this.line.moments[at];
        if (!runs.length || seconds - runs.at(-1).at(-1)[0] > track.gap) runs.push([]);
        runs.at(-1).push([seconds, value]);
      });
      const near = (run) =>
        run.filter((one, at) => (run[at + 1] ?? one)[0] >= this.from && (run[at - 1] ?? one)[0] <= this.to);
      return runs.map((run) => this.thinned(near(run))).filter((run) => run.length);
    }

    // Of more than two samples in one pixel the least and the largest: the picture is the same, and drawn much sooner.
    thinned(run) {
      const columns = new Map();
      for (const moment of run) {
        const column = Math.floor(this.x(moment[0]));
        if (!columns.has(column)) columns.set(column, []);
        columns.get(column).push(moment);
      }
      const least = (all) => all.reduce((one, other) => (other[1] < one[1] ? other : one));
      const most = (all) => all.reduce((one, other) => (other[1] > one[1] ? other : one));
      const both = (all) => (all.length < 3 ? all : [least(all), most(all)].sort((one, other) => one[0] - other[0]));
      return [...columns.values()].flatMap(both);
    }

    band(band, top) {
      const boxes = this.boxes(band.spans, 8);
      const drawn = this.inset(top + 14, 8, shape("path", { class: "held", d: boxes }));
      return [text(LEFT, top + 10, band.title, "axis"), drawn];
    }

    // A part of the picture out of which nothing reaches.
    inset(top, height, ...inside) {
      return shape("svg", { x: LEFT, y: top - ROOM, width: this.plot, height: height + 2 * ROOM }, ...inside);
    }

    boxes(spans, height) {
      const ends = spans.filter(([begin, end]) => end >= this.from && begin <= this.to);
      const box = (left, right) => `M${left} ${ROOM}H${right}v${height}H${left}z`;
      return ends.map((span) => box(...span.map((end) => short(this.x(end))))).join("");
    }

    // The cursor on a sample: a line through all tracks, a dot on each, and what was read in words.
    point(at) {
      this.at = at;
      this.over.replaceChildren();
      this.readout.textContent = this.shown ? this.told(at) : "";
      if (!this.shown) return;
      const x = short(LEFT + this.x(this.line.moments[at]));
      const dots = this.line.tracks.map((track, row) => {
        const top = row * (HEAD + STRIP) + HEAD;
        const path = track.values[at] === null ? "" : `M${x} ${short(top + this.heights[row].y(track.values[at]))}h0`;
        return shape("g", { class: `s${row}` }, shape("path", { class: "dots", d: path }));
      });
      this.over.append(shape("path", { class: "cursor", d: `M${x} ${HEAD}V${this.bottom}` }), ...dots);
    }

    told(at) {
      const { moments, tracks, windows, bands, decimals } = this.line;
      const inside = ([begin, end]) => begin <= moments[at] && moments[at] <= end;
      const number = ({ values, decimals, unit }) =>
        values[at] === null ? "not read" : `${digits(values[at].toFixed(decimals))} ${unit}`;
      const window = windows.findIndex(inside);
      return [
        `${digits(moments[at].toFixed(decimals))} s`,
        ...tracks.map((track) => `${track.title} ${number(track)}`),
        ...(window < 0 ? [] : [`measured window ${window + 1} of ${windows.length}`]),
        ...bands.filter((band) => band.spans.some(inside)).map((band) => band.title),
      ].join(" · ");
    }

    stretch(...ends) {
      const [left, right] = ends.map((x) => LEFT + this.x(this.seconds(x))).sort((one, other) => one - other);
      this.over.append(shape("path", { class: "stretch", d: `M${left} ${HEAD}H${right}V${this.bottom}H${left}z` }));
    }
  }

  const carried = document.getElementById("traces");
  let samples;
  for (const details of document.querySelectorAll("details.case")) {
    details.addEventListener("toggle", async () => {
      await fill(details);
      const found = (await (samples ??= unpacked(carried.value)))[details.querySelector("[id]").id];
      const figure = details.querySelector("figure:not(.closer):has(.trace)");
      if (found && figure && details.open) new Closer(figure, found.map(read));
    });
  }
}
