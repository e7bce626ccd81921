-- Between two steps: say so, and call what COMET_AT_STEP names, where somebody wants to stop and look.
\warn step :step
\if :{?at_step}
    \setenv COMET_STEP :step
    \! "$COMET_AT_STEP" "$COMET_STEP"
\endif
