"""What the process imports and does of which chaos tests fork their commands."""

from chaos_runs import warm_up

warm_up()
