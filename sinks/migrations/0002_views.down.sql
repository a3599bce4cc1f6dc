DROP VIEW IF EXISTS v1_current_scores;
DROP VIEW IF EXISTS v1_scores;
DROP VIEW IF EXISTS v1_judgements;
DROP VIEW IF EXISTS v1_test_results;
DROP VIEW IF EXISTS v1_validations;
DROP VIEW IF EXISTS v1_events;
DROP VIEW IF EXISTS v1_progress;
DROP VIEW IF EXISTS v1_traces;
