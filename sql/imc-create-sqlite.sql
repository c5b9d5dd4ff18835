-- Tables of the module imc for SQLite: the stock module's, version 1, with
-- columns that compare without regard to the case of ASCII letters, and an
-- index on imc_members.room. The module creates them by itself in a file that
-- has none of them; this file is for who prepares a database by hand:
--     sqlite3 /var/lib/kamailio/imc.db < imc-create-sqlite.sql

CREATE TABLE IF NOT EXISTS version (
    id INTEGER PRIMARY KEY NOT NULL,
    table_name VARCHAR(32) NOT NULL,
    table_version INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT version_table_name_idx UNIQUE (table_name)
);
INSERT OR IGNORE INTO version (table_name, table_version) VALUES ('version', 1);

CREATE TABLE "imc_rooms" (
    id INTEGER PRIMARY KEY NOT NULL,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    domain VARCHAR(64) COLLATE NOCASE NOT NULL,
    flag INTEGER NOT NULL,
    CONSTRAINT "imc_rooms_name_domain_idx" UNIQUE (name, domain)
);
INSERT INTO version (table_name, table_version) VALUES ('imc_rooms', 1);

CREATE TABLE "imc_members" (
    id INTEGER PRIMARY KEY NOT NULL,
    username VARCHAR(64) COLLATE NOCASE NOT NULL,
    domain VARCHAR(64) COLLATE NOCASE NOT NULL,
    room VARCHAR(64) COLLATE NOCASE NOT NULL,
    flag INTEGER NOT NULL,
    CONSTRAINT "imc_members_account_room_idx" UNIQUE (username, domain, room)
);
INSERT INTO version (table_name, table_version) VALUES ('imc_members', 1);
CREATE INDEX "imc_members_room_idx" ON "imc_members" (room);
