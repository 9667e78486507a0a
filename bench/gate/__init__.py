"""The gate: base and head measured side by side, counted, and judged."""
