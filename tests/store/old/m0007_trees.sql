PRAGMA application_id = 1717791861;
PRAGMA journal_mode = WAL;
BEGIN TRANSACTION;
CREATE TABLE attribute_values (
            model TEXT NOT NULL,
            position INTEGER NOT NULL,
            attribute TEXT NOT NULL,
            value TEXT NOT NULL,
            prompts TEXT NOT NULL,
            weights BLOB NOT NULL,
            PRIMARY KEY (model, position)
        ) WITHOUT ROWID;
INSERT INTO "attribute_values" VALUES('face-clip@00000000',0,'glasses','yes','d1',X'0000204100000000');
INSERT INTO "attribute_values" VALUES('face-clip@00000000',1,'glasses','no','d2',X'0000000000002041');
CREATE TABLE clusterings (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        created_at TEXT NOT NULL,
        model TEXT NOT NULL,
        method TEXT NOT NULL,
        options TEXT NOT NULL
    );
INSERT INTO "clusterings" VALUES(1,'2026-11-24T07:36:51+00:00','model-a','infomap','{"k": 50}');
CREATE TABLE crops (
        face_id INTEGER PRIMARY KEY REFERENCES faces (id),
        image BLOB NOT NULL
    );
INSERT INTO "crops" VALUES(1,X'6A706567206F662031');
INSERT INTO "crops" VALUES(2,X'6A706567206F662032');
INSERT INTO "crops" VALUES(3,X'6A706567206F662031');
INSERT INTO "crops" VALUES(4,X'6A706567206F662032');
INSERT INTO "crops" VALUES(5,X'6A706567206F662031');
CREATE TABLE decisions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        made_at TEXT NOT NULL,
        made_by TEXT NOT NULL,
        kind TEXT NOT NULL,
        payload TEXT NOT NULL
    );
INSERT INTO "decisions" VALUES(1,'2026-11-24T07:36:51+00:00','ann','name','{"faces": [1, 3], "person": 1, "name": "Ann \u0106ori\u0107", "known": 5, "spare": 3}');
INSERT INTO "decisions" VALUES(2,'2026-11-24T07:36:51+00:00','ann','not-a-face','{"faces": [2], "known": 5, "spare": 4}');
INSERT INTO "decisions" VALUES(3,'2026-11-24T07:36:51+00:00','ann','undo','{"known": 5, "undoes": 2}');
CREATE TABLE doubts (
        face_a INTEGER NOT NULL,
        face_b INTEGER NOT NULL,
        log_odds REAL NOT NULL,
        PRIMARY KEY (face_a, face_b)
    ) WITHOUT ROWID;
INSERT INTO "doubts" VALUES(1,2,0.5);
CREATE TABLE embeddings (
        model TEXT NOT NULL,
        face_id INTEGER NOT NULL REFERENCES faces (id),
        vector BLOB NOT NULL,
        PRIMARY KEY (model, face_id)
    ) WITHOUT ROWID;
INSERT INTO "embeddings" VALUES('face-clip@00000000',1,X'CD38663A');
INSERT INTO "embeddings" VALUES('face-clip@00000000',2,X'003C0000');
INSERT INTO "embeddings" VALUES('model-a',1,X'8835933A493536BD3E3B24374CB8A638D535B53447276038E4B937B1B7B7CA381629AEB441BA1DB42B2069B42D3D073C6CC18EBF98B1C1B6D632F4323C4073BC');
INSERT INTO "embeddings" VALUES('model-a',2,X'0D322FB89CB6E2C0333F943C35B5313A80346EB8D23BF8B443B556BA483759AE5D38DCB80F3023BBBB3A04324A3591360BBC443A1D408EBEEBBE05BEBB3A1E30');
INSERT INTO "embeddings" VALUES('model-a',3,X'8835933A493536BD3E3B24374CB8A638D535B53447276038E4B937B1B7B7CA381629AEB441BA1DB42B2069B42D3D073C6CC18EBF98B1C1B6D632F4323C4073BC');
INSERT INTO "embeddings" VALUES('model-a',4,X'0D322FB89CB6E2C0333F943C35B5313A80346EB8D23BF8B443B556BA483759AE5D38DCB80F3023BBBB3A04324A3591360BBC443A1D408EBEEBBE05BEBB3A1E30');
INSERT INTO "embeddings" VALUES('model-a',5,X'8835933A493536BD3E3B24374CB8A638D535B53447276038E4B937B1B7B7CA381629AEB441BA1DB42B2069B42D3D073C6CC18EBF98B1C1B6D632F4323C4073BC');
CREATE TABLE export_entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        export_id INTEGER NOT NULL REFERENCES exports (id),
        state TEXT NOT NULL CHECK (state IN ('intended', 'done', 'undone')),
        kind TEXT NOT NULL,
        path NOT NULL,
        digest TEXT NOT NULL,
        before BLOB,
        before_mode INTEGER,
        before_digest TEXT,
        backup,
        source
    );
INSERT INTO "export_entries" VALUES(1,1,'done','write','/photos/a.jpg.xmp','d1',X'3C782F3E',420,'d0',NULL,NULL);
CREATE TABLE "exported_names" (
        photo_id INTEGER NOT NULL REFERENCES photos (id),
        path NOT NULL,
        export_id INTEGER NOT NULL REFERENCES exports (id),
        kind TEXT NOT NULL CHECK (kind IN ('person', 'keyword', 'lr', 'digiKam', 'MicrosoftPhoto')),
        name TEXT NOT NULL,
        PRIMARY KEY (photo_id, path, kind, name, export_id)
    ) WITHOUT ROWID;
INSERT INTO "exported_names" VALUES(1,'a.jpg',1,'person','Ann Ćorić');
CREATE TABLE exported_notes (
            photo_id INTEGER NOT NULL REFERENCES photos (id),
            path NOT NULL,
            export_id INTEGER NOT NULL REFERENCES exports (id),
            author TEXT NOT NULL,
            PRIMARY KEY (photo_id, path, author, export_id)
        ) WITHOUT ROWID;
INSERT INTO "exported_notes" VALUES(1,'a.jpg',1,'a1b2');
CREATE TABLE exports (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        started_at TEXT NOT NULL,
        format TEXT NOT NULL,
        undone_at TEXT
    );
INSERT INTO "exports" VALUES(1,'2026-11-24T07:36:51+00:00','xmp',NULL);
CREATE TABLE faces (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        photo_id INTEGER NOT NULL REFERENCES photos (id),
        x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
        landmarks BLOB NOT NULL,
        score REAL NOT NULL,
        size REAL NOT NULL,
        blur REAL NOT NULL,
        yaw REAL NOT NULL,
        retired_at TEXT
    );
INSERT INTO "faces" VALUES(1,1,0.4,0.3,0.2,0.3,X'1F85EB3E3D0AD73E713D0A3F3D0AD73E0000003F8FC2F53ED7A3F03E713D0A3F14AE073F713D0A3F',0.9,100.0,50.0,0.0,NULL);
INSERT INTO "faces" VALUES(2,1,0.05,0.3,0.2,0.3,X'AE47E13D3D0AD73E5C8F423E3D0AD73E9A99193E8FC2F53E8FC2F53D713D0A3FEC51383E713D0A3F',0.9,100.0,50.0,0.0,NULL);
INSERT INTO "faces" VALUES(3,2,0.4,0.3,0.2,0.3,X'1F85EB3E3D0AD73E713D0A3F3D0AD73E0000003F8FC2F53ED7A3F03E713D0A3F14AE073F713D0A3F',0.9,100.0,50.0,0.0,NULL);
INSERT INTO "faces" VALUES(4,3,0.4,0.3,0.2,0.3,X'1F85EB3E3D0AD73E713D0A3F3D0AD73E0000003F8FC2F53ED7A3F03E713D0A3F14AE073F713D0A3F',0.9,100.0,50.0,0.0,NULL);
INSERT INTO "faces" VALUES(5,4,0.4,0.3,0.2,0.3,X'1F85EB3E3D0AD73E713D0A3F3D0AD73E0000003F8FC2F53ED7A3F03E713D0A3F14AE073F713D0A3F',0.9,100.0,50.0,0.0,NULL);
CREATE TABLE files (
        path PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        photo_id INTEGER REFERENCES photos (id),
        error_kind TEXT,
        error TEXT,
        missing_since TEXT, before INTEGER REFERENCES photos (id),
        CHECK ((photo_id IS NULL) = (error IS NOT NULL))
    ) WITHOUT ROWID;
INSERT INTO "files" VALUES('2019/b.jpg',1000,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "files" VALUES('a.jpg',1000,1,1,NULL,NULL,NULL,NULL);
INSERT INTO "files" VALUES('broken.jpg',7,1,NULL,'truncated','ends too early',NULL,NULL);
INSERT INTO "files" VALUES('copy.jpg',1000,1,1,NULL,NULL,NULL,NULL);
INSERT INTO "files" VALUES('gone.jpg',1000,1,4,NULL,NULL,'2026-11-24T07:36:51+00:00',NULL);
INSERT INTO "files" VALUES(X'636166E92E6A7067',1000,1,3,NULL,NULL,NULL,NULL);
CREATE TABLE identifiers (id INTEGER PRIMARY KEY AUTOINCREMENT);
INSERT INTO "identifiers" VALUES(1);
INSERT INTO "identifiers" VALUES(2);
INSERT INTO "identifiers" VALUES(3);
INSERT INTO "identifiers" VALUES(4);
CREATE TABLE library (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "library" VALUES('clip','face-clip@00000000');
INSERT INTO "library" VALUES('extractor','extractor-1');
INSERT INTO "library" VALUES('flags','{"scan": {"profile": "mobile"}}');
INSERT INTO "library" VALUES('model','model-a');
INSERT INTO "library" VALUES('root','/photos');
CREATE TABLE memberships (
        clustering_id INTEGER NOT NULL REFERENCES clusterings (id) ON DELETE CASCADE,
        face_id INTEGER NOT NULL REFERENCES faces (id),
        cluster_id INTEGER NOT NULL REFERENCES identifiers (id),
        PRIMARY KEY (clustering_id, face_id)
    ) WITHOUT ROWID;
INSERT INTO "memberships" VALUES(1,1,1);
INSERT INTO "memberships" VALUES(1,2,2);
INSERT INTO "memberships" VALUES(1,3,1);
INSERT INTO "memberships" VALUES(1,4,2);
INSERT INTO "memberships" VALUES(1,5,1);
CREATE TABLE migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL);
INSERT INTO "migrations" VALUES('m0001_initial','2026-11-24T07:36:51+00:00');
INSERT INTO "migrations" VALUES('m0002_attributes','2026-11-25T02:48:11+00:00');
INSERT INTO "migrations" VALUES('m0003_neighbours','2026-11-25T02:55:28+00:00');
INSERT INTO "migrations" VALUES('m0004_notes','2026-11-27T19:44:06+00:00');
INSERT INTO "migrations" VALUES('m0005_moved','2026-11-28T04:37:20+00:00');
INSERT INTO "migrations" VALUES('m0006_entries','2026-11-28T07:54:04+00:00');
INSERT INTO "migrations" VALUES('m0007_trees','2026-11-28T11:05:10+00:00');
CREATE TABLE neighbours (
        face_id INTEGER PRIMARY KEY REFERENCES faces (id) ON DELETE CASCADE,
        listed BLOB NOT NULL,
        similarity BLOB NOT NULL
    );
INSERT INTO "neighbours" VALUES(1,X'0300000000000000',X'0000803F000080BF');
CREATE TABLE photos (
        id INTEGER PRIMARY KEY,
        content_hash TEXT NOT NULL UNIQUE,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        orientation INTEGER NOT NULL,
        format TEXT NOT NULL,
        taken_at TEXT,
        camera TEXT,
        extractor TEXT NOT NULL,
        scanned_at TEXT NOT NULL
    );
INSERT INTO "photos" VALUES(1,'content of b''a.jpg''',4000,3000,1,'JPEG','2019-07-14T18:03:22','Acme One','extractor-1','2026-11-24T07:36:51+00:00');
INSERT INTO "photos" VALUES(2,'content of b''2019/b.jpg''',4000,3000,1,'JPEG','2019-07-14T18:03:22','Acme One','extractor-1','2026-11-24T07:36:51+00:00');
INSERT INTO "photos" VALUES(3,'content of b''caf\xe9.jpg''',4000,3000,1,'JPEG','2019-07-14T18:03:22','Acme One','extractor-1','2026-11-24T07:36:51+00:00');
INSERT INTO "photos" VALUES(4,'content of b''gone.jpg''',4000,3000,1,'JPEG','2019-07-14T18:03:22','Acme One','extractor-1','2026-11-24T07:36:51+00:00');
CREATE INDEX files_by_photo ON files (photo_id);
CREATE INDEX files_by_size ON files (size);
CREATE INDEX faces_by_photo ON faces (photo_id);
CREATE INDEX export_entries_by_path ON export_entries (path);
CREATE INDEX export_entries_by_export ON export_entries (export_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('faces',5);
INSERT INTO "sqlite_sequence" VALUES('identifiers',4);
INSERT INTO "sqlite_sequence" VALUES('clusterings',1);
INSERT INTO "sqlite_sequence" VALUES('decisions',3);
INSERT INTO "sqlite_sequence" VALUES('exports',1);
INSERT INTO "sqlite_sequence" VALUES('export_entries',1);
COMMIT;
