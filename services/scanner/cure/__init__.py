"""The cure: documents and archives without what can do harm. Called in isolation alone."""
