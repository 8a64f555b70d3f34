"""Licence keys: their files, who may sign them, and where a site keeps them."""
