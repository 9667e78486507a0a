"""Profiling: some steps run under torch's profiler, apart from all measuring; its trace read without torch."""
