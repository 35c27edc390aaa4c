-- +goose Up
-- What a run was told of what is ours: one that was cut goes on only under the same. And of what it is a run: '' is the whole
-- inventory; runs of something else are compared among themselves.
ALTER TABLE runs ADD COLUMN settings text NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN scope text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE runs DROP COLUMN scope;
ALTER TABLE runs DROP COLUMN settings;
