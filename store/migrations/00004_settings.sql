-- +goose Up
-- What a run was told of what is ours: one that was cut goes on only under the same.
ALTER TABLE runs ADD COLUMN settings text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE runs DROP COLUMN settings;
