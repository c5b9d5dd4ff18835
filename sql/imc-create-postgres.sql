-- Tables of the module imc for PostgreSQL: the stock module's, version 1, and
-- indexes for names without regard to case.
--
-- Load it into Kamailio's database instead of Kamailio's own imc-create.sql:
--     psql kamailio < imc-create-postgres.sql
-- Where the stock tables are there already, the two CREATE UNIQUE INDEX
-- statements are all.

CREATE TABLE IF NOT EXISTS version (
    id SERIAL PRIMARY KEY NOT NULL,
    table_name VARCHAR(32) NOT NULL,
    table_version INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT version_table_name_idx UNIQUE (table_name)
);

INSERT INTO version (table_name, table_version) values ('version','1') ON CONFLICT DO NOTHING;

CREATE TABLE imc_rooms (
    id SERIAL PRIMARY KEY NOT NULL,
    name VARCHAR(64) NOT NULL,
    domain VARCHAR(64) NOT NULL,
    flag INTEGER NOT NULL,
    CONSTRAINT imc_rooms_name_domain_idx UNIQUE (name, domain)
);

CREATE UNIQUE INDEX imc_rooms_key_idx ON imc_rooms
    (lower(name COLLATE "C"), lower(domain COLLATE "C"));

INSERT INTO version (table_name, table_version) values ('imc_rooms','1');

CREATE TABLE imc_members (
    id SERIAL PRIMARY KEY NOT NULL,
    username VARCHAR(64) NOT NULL,
    domain VARCHAR(64) NOT NULL,
    room VARCHAR(64) NOT NULL,
    flag INTEGER NOT NULL,
    CONSTRAINT imc_members_account_room_idx UNIQUE (username, domain, room)
);

-- The room comes first: this index also serves to find the members of a room.
CREATE UNIQUE INDEX imc_members_key_idx ON imc_members
    (lower(room COLLATE "C"), lower(username COLLATE "C"), lower(domain COLLATE "C"));

INSERT INTO version (table_name, table_version) values ('imc_members','1');
