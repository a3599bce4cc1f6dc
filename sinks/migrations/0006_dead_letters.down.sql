DROP VIEW IF EXISTS v1_dead_letters;
DROP TABLE IF EXISTS dead_letters;

CREATE OR REPLACE VIEW v1_audit
(
    at      DateTime64(6, 'UTC') COMMENT 'When it was done, or refused',
    project LowCardinality(String) COMMENT 'Project that it concerns; * for every one',
    actor   String COMMENT 'Who: cli/<login>, key/<id>, jwt/<subject>, configured/<project> or development',
    action  LowCardinality(String) COMMENT 'What: key create, key rotate, key revoke, token revoke, policy set, or denied: and the reason',
    subject String COMMENT 'What it was done to, as key/<id>, trace/<id>, token/<digest>, policy/<project>',
    detail  Map(LowCardinality(String), String) COMMENT 'Further facts, never secrets'
)
AS SELECT at, project, actor, action, subject, detail
FROM audit FINAL
COMMENT 'One row per privileged action, and per refusal of somebody known';
