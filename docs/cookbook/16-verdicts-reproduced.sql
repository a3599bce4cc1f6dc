-- Do verdicts come out again when sessions are validated once more?
-- One row per re-validation run; what was not reproduced is flaky or depends on something outside of the sandbox.
SELECT run_id,
       count() AS validations,
       countIf(v.reproduced) AS reproduced,
       countIf(NOT v.reproduced) AS different,
       arraySort(groupUniqArrayIf(verdict, NOT v.reproduced)) AS verdicts_then
FROM v1_validations AS v
WHERE compared_with != ''
GROUP BY run_id
ORDER BY run_id
