"""The content categories that the manual names (chapter 4.3.3)."""

from __future__ import annotations

OBSCENE = "Obscene"
FORMAL = "Formal Messages"
SEMINARS = "Invitations to workshops, conferences, exhibitions"
