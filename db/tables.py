"""All tables, so that the metadata is whole wherever one of them is used."""

from __future__ import annotations

from db import models, models_accounts, models_log, models_loop, models_people, models_projects

METADATA = models.Base.metadata
MODULES = (models, models_accounts, models_people, models_projects, models_loop, models_log)
