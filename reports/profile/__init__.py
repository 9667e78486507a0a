"""The panes of a profile: step breakdown, operators, kernels, device, memory. Their times are not the timed steps'."""
