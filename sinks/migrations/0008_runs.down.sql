DROP TABLE IF EXISTS promotions;
DROP TABLE IF EXISTS run_states;
DROP TABLE IF EXISTS runs;

ALTER TABLE judgements
    DROP COLUMN IF EXISTS `grades.quotes`,
    DROP COLUMN IF EXISTS `grades.votes`,
    DROP COLUMN IF EXISTS `grades.spread`,
    DROP COLUMN IF EXISTS cost_nano_usd,
    DROP COLUMN IF EXISTS calls,
    DROP COLUMN IF EXISTS left_out_characters,
    DROP COLUMN IF EXISTS left_out_events,
    DROP COLUMN IF EXISTS suspicions,
    DROP COLUMN IF EXISTS jurors,
    DROP COLUMN IF EXISTS cached_from;
