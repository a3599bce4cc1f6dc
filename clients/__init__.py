"""The client's side of the HTTP interface: client, importers of real sessions, view. Knows only schemas/."""
