"""How much slower this copy of the layers is: 0.03 adds 3 % of the layers. A slower arm has a copy of its own."""

SLOWER = 0.0
