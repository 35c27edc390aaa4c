-- +goose Up
-- One text for SQLite and PostgreSQL: bigint, text, boolean and bytea alone, instants as milliseconds since 1970.
CREATE TABLE runs (
    id       text    NOT NULL PRIMARY KEY,
    kind     text    NOT NULL,
    vantage  text    NOT NULL,
    started  bigint  NOT NULL,
    finished bigint, -- null while it runs, and for good where it was killed
    complete boolean NOT NULL,
    trusted  boolean NOT NULL,
    reason   text    NOT NULL,
    asked    bigint  NOT NULL,
    urgent   bigint  NOT NULL,
    warn     bigint  NOT NULL,
    ok       bigint  NOT NULL
);
CREATE INDEX runs_started ON runs (started);

CREATE TABLE records (
    run      text   NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq      bigint NOT NULL, -- order of completion
    name     text   NOT NULL,
    domain   text   NOT NULL,
    verdict  text   NOT NULL,
    reason   text   NOT NULL,
    severity text   NOT NULL,
    checked  bigint NOT NULL,
    since    bigint,
    record   text   NOT NULL, -- JSON, as it was emitted
    PRIMARY KEY (run, seq)
);
CREATE INDEX records_name ON records (name, run, seq);

-- Spans of time in which verdict and severity of a name stayed as they were. They outlive the runs.
CREATE TABLE history (
    name     text   NOT NULL,
    kind     text   NOT NULL,
    vantage  text   NOT NULL,
    since    bigint NOT NULL,
    verdict  text   NOT NULL,
    reason   text   NOT NULL,
    severity text   NOT NULL,
    seen     bigint NOT NULL, -- when it was seen so for the last time
    PRIMARY KEY (name, kind, vantage, since)
);

CREATE TABLE registrations (
    domain  text   NOT NULL PRIMARY KEY,
    answer  bytea  NOT NULL,
    asked   bigint NOT NULL,
    expires bigint NOT NULL
);

CREATE TABLE limits (
    registry text   NOT NULL PRIMARY KEY,
    next_at  bigint NOT NULL -- when the next question is allowed
);

-- +goose Down
DROP TABLE limits;
DROP TABLE registrations;
DROP TABLE history;
DROP TABLE records;
DROP TABLE runs;
