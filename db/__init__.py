"""The database: models, sessions, migrations, and in `db.store` the only place with queries."""
