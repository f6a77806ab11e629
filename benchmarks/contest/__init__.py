"""tabgrad's presets and other libraries on the same tables, rows and splits: what each reaches, and at what cost."""
