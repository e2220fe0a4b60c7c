"""Where things are kept: PostgreSQL reads and writes, migrations, loaders, embedded stores."""
