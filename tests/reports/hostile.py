"""What whoever sends us a store may have put into its texts, and records that have it in every one of them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

from made_judgements import hostile as judgement
from made_records import CPU, failure
from metered_records import gpu, rapl
from profiled_records import ON_CUDA
from test_roofline import counted, peak

from bench.record import Record
from reports import Report, build
from reports.gate import Face
from reports.gate import build as build_face

# What a format must not take for its own. Each names itself, so that a failing test says which one it was.
TEXTS = {
    # HTML and SVG
    "script": "<script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)><svg onload=alert(1)>",
    "end": "</script></style></title></textarea></noscript></pre></svg><!--<script><iframe srcdoc=evil>",
    "attribute": "\" onmouseover=\"alert(1)\" ' autofocus onfocus='alert(1)' ` style=x >",
    "entity": "]]><![CDATA[ <x/> &amp; &#0; &lt;b&gt; &evil; <!DOCTYPE x [<!ENTITY evil SYSTEM 'file:///etc/x'>]>",
    "address": "javascript:alert(1) data:text/html,x http://evil.example/x www.evil.example xmpp:evil@evil.example/x",
    # Spreadsheets
    "formula": '=HYPERLINK("http://evil.example","evil")',
    "command": "=cmd|' /C calc'!A0",
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-2+3",
    "at": "@SUM(1,1)",
    "tab": "\t=1+1",
    "carriage return": "\r=1+1",
    "wide": "\uff1d1\uff0b1",
    "cells": 'evil","=1+1"\r\n"=1+1",\'=1+1;=1+1\t=1+1\n=1+1',
    "not a number": "nan",
    "large": "1e999",
    "error": "#REF!",
    "escaped": "_x003D_1+1",
    "rich": "<r><t>evil</t></r>",
    "shared": "<r></r></si><si><t>=1+1</t></si><si><r></r>",
    # Markdown
    "links": "[evil](javascript:alert(1)) ![evil](http://evil.example/p.png) <http://evil.example> [e]: http://evil.example",
    "marks": "*evil* _evil_ **evil** ~~evil~~ `evil` $evil$ \\*evil\\* [^1]",
    "columns": "a | b\n| c | d |\n|---|---|\n\n# evil\n\n<details>",
    "pings": "@team/evil #12 GH-12 evil/evil#12 evil@evil.example mailto:evil@evil.example :tada: :+1:",
    "list": "- [ ] evil",
    "numbered": "1. evil",
    "rule": "---",
    "fence": "```\nevil\n```",
    # Terminals
    "colours": "\x1b[31mred\x1b[0m \x9b5A \x1b[2J\x1b(0 bell\x07 back\x08\x7f nul\x00 \x0b\x0c",
    "titles": "\x1b]0;evil\x07 \x1b]8;;http://evil.example\x1b\\evil\x1b]8;;\x1b\\ \x9d0;evil\x9c",
    "devices": "\x1bP+q\x1b\\ \x1b_evil\x1b\\ \x1b[6n \x1bc \x0e",
    "hidden": "\x1b[0m   - evil \x1b\x1b[0m]0;evil\x07",
    "markup": "[red]evil[/red] [link=http://evil.example]evil[/link] [/nonsense] :smile: [bold",
    # Encodings
    "directions": "\u202eevil\u202c \u2066evil\u2069 zero\u200bwidth \ufeff \u2028 \u2029 \xad \U000e0041",
    "halves": "\ud800 \udfff \ufffe \uffff \U0001ffff",
    # Prometheus, templates, paths, JSON, CI
    "labels": 'evil"} 1\nwattmark_evil{x="\\',
    "comment": "TYPE wattmark_case counter",
    "end of file": "EOF",
    "template": "{{7*7}} {% raw %} {# evil #} ${7*7} <%= 7*7 %> #{7*7} %s %(evil)s %n {0} {evil!r}",
    "path": "../../evil",
    "absolute": "/etc/evil",
    "device": "CON",
    "prototype": "__proto__",
    "workflow": "::error::evil\r\n::set-output name=evil::x %0A::error::evil",
    # Shells
    "shell": "$(evil) `evil`; evil & evil > evil 'evil' \"evil\" \\",
    # Sizes
    "long": "<b>" + "x" * 100_000,
}  # fmt: skip


# Ours, among which hostile texts are sorted.
_OURS = ("bert:Pretrain", "cpu", "data", "sequence_length", "w:W")


def twin(text: str) -> str:
    """A text that means nothing to anybody, and has the same place as the given one wherever texts are sorted.

    Like that one it has a comma or not: no command can set an axis to such a text.
    """
    calm = ("Calm", "calm", "dab", "dull", "tame", "zest")
    found = next(word for word in calm if all((word < own) == (text < own) for own in _OURS))
    return (f"{found}, {found}" if "," in text else found).ljust(len(text) if len(text) > 1000 else 0, "x")


# Where a record's texts are not free: what the reader of a record checks.
_FIXED = {"schema", "status"}
# Parts of a record that hold anything under any names.
_FREE = {"parameters", "environment", "inputs", "model", "precision", "made"}


def poisoned(one: Record, text: str, keep: tuple[str, ...] = (), numbers_too: bool = False) -> Record:
    """The record with the text in place of every text that it has, and under its name wherever names are free.

    ``keep`` are fields of the case that stay as they are. ``numbers_too`` puts the text in place of the numbers of
    all parts that may hold anything.
    """
    document = json.loads(one.to_json())
    case = {name: document["case"][name] for name in keep}
    found = _part(document, text, numbers_too)
    found["case"] |= case
    return Record.from_json(json.dumps(found))


def _part(part: Any, text: str, numbers_too: bool) -> Any:
    if isinstance(part, dict):
        return {name: _named(name, value, text, numbers_too) for name, value in part.items()}
    if isinstance(part, list):
        return [_part(value, text, numbers_too) for value in part]
    return text if isinstance(part, str) else part


def _named(name: str, value: Any, text: str, numbers_too: bool) -> Any:
    if name in _FIXED:
        return value
    if name == "work":  # the first one is the item
        return {text: next(iter(value.values())), **value}
    if name == "covariates":
        return {**value, text: 1.0}
    if name == "readings":
        return {**_part(value, text, numbers_too), text: {"value": 1.0, "source": text, "reason": None}}
    if name == "counters" and value is not None:
        return {**_part(value, text, numbers_too), text: {"value": 1.0, "source": text}}
    if name == "meters":
        return {meter: _free(facts, text, numbers_too) for meter, facts in {**value, text: {}}.items()}
    if name in _FREE and isinstance(value, dict):
        return _free(value, text, numbers_too and name != "parameters")
    return _part(value, text, numbers_too)


def _free(part: Any, text: str, numbers_too: bool) -> Any:
    """Anything at all, with the text added to each of its tables."""
    if isinstance(part, dict):
        within = {name: _free(value, text, numbers_too) for name, value in part.items()}
        return {**within, text: text}
    if isinstance(part, list):
        return [_free(value, text, numbers_too) for value in part]
    return text if isinstance(part, str) or numbers_too else part


@cache
def records(text: str) -> tuple[Record, ...]:
    """Records of all kinds with a text in all places, and one whose case is as usual."""
    oom = failure("oom", "out of memory", batch_size=64)
    crashed = failure("crashed", "died", batch_size=32, stderr="first\nlast")
    usual = ("workload", "device", "precision")
    traced = replace(gpu(batch_size=2), profile=ON_CUDA.to_json())
    stated = {"label": "mine", "source": "a data sheet", "flops": {"fp32": 9e12}, "bandwidth": 8e11}
    own = {**CPU, "peak_table": stated}
    return (
        *(poisoned(one, text) for one in (gpu(batch_size=1), traced)),
        *(
            poisoned(replace(one, environment=own), text, keep=usual)
            for one in (counted(rapl()), peak(4e12), peak(5e11, memory=True))
        ),
        poisoned(replace(gpu(batch_size=8), environment=own), text, numbers_too=True),
        poisoned(crashed, text),
        poisoned(oom, text),
    )


@cache
def report(text: str) -> Report:
    """A report with everything in it: a baseline and a history too."""
    now = records(text)
    earlier = [replace(now[0], run=replace(now[0].run, id=f"{text}{run}")) for run in range(3)]
    return build(now, now, earlier)


@cache
def face(text: str) -> Face:
    """What is said of a gate's judgement with a text in all places."""
    return build_face(judgement(text))
