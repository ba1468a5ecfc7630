"""Our tables, a module for each purpose; `integration.models` names them all."""
