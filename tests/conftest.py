"""What holds for all tests."""

from __future__ import annotations

import hypothesis

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("mailwarden", deadline=None)
hypothesis.settings.load_profile("mailwarden")
