-- +goose Up
-- Records that were rewritten in place and are there again as they were, or in
-- another form, are alarms of their own.
ALTER TABLE guard_alarm DROP CONSTRAINT guard_alarm_kind;
ALTER TABLE guard_alarm ADD CONSTRAINT guard_alarm_kind CHECK (kind IN ('record','rewritten','altered','restored','contact','possible'));
