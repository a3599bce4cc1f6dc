-- Who promoted which run, and what do current scores follow?
-- Past promotions too, each with what was followed before, from the audit trail.
SELECT p.project AS project,
       p.promoted_at AS promoted_at,
       p.promoted_by AS promoted_by,
       a.detail['before'] AS before,
       p.run_id AS run_id,
       p.followed AS followed
FROM v1_promotions AS p
LEFT JOIN v1_audit AS a ON a.project = p.project AND a.at = p.promoted_at AND a.action = 'run promote'
ORDER BY project, promoted_at
