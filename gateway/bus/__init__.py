"""The bus moves mail from stage to stage and commands to all processes."""
