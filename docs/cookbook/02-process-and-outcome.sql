-- Does sound work pay off?
-- Process (the judge's score) against outcome (the sandbox's verdict), which know nothing of each other. Look at the
-- corners: good work that did not fix the bug, and poor work that did.
SELECT band,
       sumIf(traces, verdict = 'fixed' AND level = 'verified') AS fixed,
       sumIf(traces, verdict = 'fixed' AND level = 'verified_by_own_tests') AS own_tests,
       sumIf(traces, verdict = 'not_fixed') AS not_fixed,
       sumIf(traces, verdict = 'regressed') AS regressed,
       sumIf(traces, verdict = 'flaky') AS flaky,
       sumIf(traces, verdict IN ('unverifiable', 'timeout', 'infra_failure')) AS no_verdict
FROM v1_process_outcome_matrix
GROUP BY band
ORDER BY band DESC
