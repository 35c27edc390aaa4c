-- +goose Up
-- What earlier runs saw of a name is asked for each name that is not clean: few runs are not trusted, few names ever were free.
CREATE INDEX runs_doubted ON runs (vantage) WHERE NOT trusted;
CREATE INDEX history_ended ON history (vantage, name) WHERE verdict IN ('free', 'expired');

-- +goose Down
DROP INDEX history_ended;
DROP INDEX runs_doubted;
