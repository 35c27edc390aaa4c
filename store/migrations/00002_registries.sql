-- +goose Up
-- Nothing was written to these two before.
DROP TABLE limits;
DROP TABLE registrations;

CREATE TABLE registrations (
    domain   text   NOT NULL,
    server   text   NOT NULL, -- who said it
    answer   bytea  NOT NULL, -- empty where none came to rely on
    answered bigint,          -- when that was given
    asked    bigint NOT NULL, -- when the server was last asked, whether an answer came or not
    PRIMARY KEY (domain, server)
);

CREATE TABLE limits (
    server     text   NOT NULL PRIMARY KEY,
    taken      bigint NOT NULL, -- how many places were ever taken
    held_since bigint NOT NULL,
    held_until bigint NOT NULL
);

CREATE TABLE places (
    server text   NOT NULL,
    seq    bigint NOT NULL, -- counts as limits.taken does; later places never stand before earlier ones
    at     bigint NOT NULL,
    PRIMARY KEY (server, seq)
);

-- +goose Down
DROP TABLE places;
DROP TABLE limits;
DROP TABLE registrations;
CREATE TABLE registrations (
    domain  text   NOT NULL PRIMARY KEY,
    answer  bytea  NOT NULL,
    asked   bigint NOT NULL,
    expires bigint NOT NULL
);
CREATE TABLE limits (
    registry text   NOT NULL PRIMARY KEY,
    next_at  bigint NOT NULL
);
