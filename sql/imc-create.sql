-- Tables of the module imc for MySQL and MariaDB: the stock module's, version 1,
-- and an index on imc_members.room.
--
-- Load it into Kamailio's database instead of Kamailio's own imc-create.sql:
--     mysql kamailio < imc-create.sql
-- Where the stock tables are there already, this one statement is all:
--     ALTER TABLE imc_members ADD INDEX room_idx (room);

CREATE TABLE IF NOT EXISTS `version` (
    `id` INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `table_name` VARCHAR(32) NOT NULL,
    `table_version` INT UNSIGNED DEFAULT 0 NOT NULL,
    CONSTRAINT table_name_idx UNIQUE (`table_name`)
);

INSERT IGNORE INTO version (table_name, table_version) values ('version','1');

-- The collation compares names without regard to case, as SIP users expect of
-- rooms, and knows letters and symbols of all languages apart, but accents:
-- "café" and "cafe" are one name for these tables.
CREATE TABLE `imc_rooms` (
    `id` INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `name` VARCHAR(64) NOT NULL,
    `domain` VARCHAR(64) NOT NULL,
    `flag` INT(11) NOT NULL,
    CONSTRAINT name_domain_idx UNIQUE (`name`, `domain`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

INSERT INTO version (table_name, table_version) values ('imc_rooms','1');

CREATE TABLE `imc_members` (
    `id` INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
    `username` VARCHAR(64) NOT NULL,
    `domain` VARCHAR(64) NOT NULL,
    `room` VARCHAR(64) NOT NULL,
    `flag` INT(11) NOT NULL,
    CONSTRAINT account_room_idx UNIQUE (`username`, `domain`, `room`),
    INDEX room_idx (`room`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

INSERT INTO version (table_name, table_version) values ('imc_members','1');
