"""What things are: frozen shapes, enums and errors that every other folder speaks in."""
