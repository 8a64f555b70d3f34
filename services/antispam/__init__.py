"""The antispam service: gives received mail a spam status, marks it and hands it to the scanner."""
