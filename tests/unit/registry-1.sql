-- A registry of schema 1, as sqlite3's .dump writes it.
BEGIN TRANSACTION;
CREATE TABLE indexers ( key INTEGER PRIMARY KEY, parent INTEGER REFERENCES indexers (key) ON DELETE RESTRICT, uid TEXT NOT NULL UNIQUE, id TEXT NOT NULL UNIQUE, project_source TEXT NOT NULL, project_dir TEXT NOT NULL, script TEXT NOT NULL, runtime TEXT NOT NULL, preset TEXT NOT NULL, memory_max_bytes INTEGER NOT NULL, cpu_percent INTEGER NOT NULL, tasks_max INTEGER NOT NULL, restart INTEGER NOT NULL, create_time INTEGER NOT NULL, update_time INTEGER NOT NULL, generation INTEGER NOT NULL, tombstone INTEGER NOT NULL DEFAULT 0 CHECK (tombstone IN (0, 1)), boot_id TEXT NOT NULL DEFAULT '', invocation_id TEXT NOT NULL DEFAULT '', stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)), start_time INTEGER NOT NULL DEFAULT 0, restart_count INTEGER NOT NULL DEFAULT 0, exit_time INTEGER NOT NULL DEFAULT 0, exit_code INTEGER NOT NULL DEFAULT 0, exit_signal INTEGER NOT NULL DEFAULT 0, exit_reason INTEGER NOT NULL DEFAULT 0, message TEXT) STRICT;
INSERT INTO indexers VALUES(1,NULL,'00000000000000000000000000000001','parent','','','','','',0,0,0,0,0,0,0,0,'','',0,0,0,0,0,0,0,NULL);
INSERT INTO indexers VALUES(2,1,'00000000000000000000000000000002','child','','','main.js','node','',0,0,0,0,1700000000123456,0,0,0,'','',0,0,0,0,0,0,0,NULL);
INSERT INTO indexers VALUES(3,NULL,'00000000000000000000000000000003','other','','','','','',0,0,0,0,0,0,0,1,'','',0,0,0,0,0,0,0,NULL);
CREATE TABLE labels ( indexer INTEGER NOT NULL REFERENCES indexers (key) ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (indexer, name)) STRICT, WITHOUT ROWID;
INSERT INTO labels VALUES(2,'empty','');
INSERT INTO labels VALUES(2,'team','é');
INSERT INTO labels VALUES(3,'empty','no');
INSERT INTO labels VALUES(3,'team','é');
CREATE TABLE environment ( indexer INTEGER NOT NULL REFERENCES indexers (key) ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (indexer, name)) STRICT, WITHOUT ROWID;
INSERT INTO environment VALUES(2,'A','b');
CREATE TABLE args ( indexer INTEGER NOT NULL REFERENCES indexers (key) ON DELETE CASCADE, position INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (indexer, position)) STRICT, WITHOUT ROWID;
INSERT INTO args VALUES(2,0,'--x');
CREATE INDEX indexers_parent ON indexers (parent);
PRAGMA application_id = 1768192100;
PRAGMA user_version = 1;
COMMIT;
