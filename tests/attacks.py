"""What somebody may try against the gate, how it is refused, and the test that tries it. docs/attacks.md is made of it.

`refused_by` is the rule of the finding, or the state of the change, that the attacker meets.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Attack(NamedTuple):
    """One thing that somebody may try. `test` is file::function below tests/."""

    name: str
    does: str
    refused_by: str
    test: str


_APPROVAL: Final = "commands/test_approval_attacks.py"
_ACT: Final = "workflows/test_act_attacks.py"
_CHANGE: Final = "commands/test_change_attacks.py"
_CONTENT: Final = "commands/test_content_attacks.py"
_JUDGED: Final = "commands/test_judging_change.py"
_REGISTRY: Final = "unit/test_registry_check.py"
_PUBLISH: Final = "commands/test_publish.py"
_EVENTS: Final = "commands/test_publish_events.py"
_FAULTS: Final = "commands/test_publish_faults.py"
_WORDS: Final = "commands/test_publish_words.py"
_DISPATCH: Final = "commands/test_publish_dispatch.py"

ATTACKS: Final[list[Attack]] = [
    Attack(
        "edited threshold",
        "lowers `min_lift` in evals/policy.yaml beside the dataset that would miss it",
        "split-this-pr",
        f"{_CHANGE}::test_a_change_of_ruler_and_subject_is_split",
    ),
    Attack(
        "edited threshold, alone",
        "lowers `min_lift` in a pull request of its own",
        "eval-owners: a notice that names the owners by CODEOWNERS of the base",
        f"{_JUDGED}::test_a_lower_bar_alone_is_told_by_both_rulers_and_needs_its_owners",
    ),
    Attack(
        "own owners",
        "makes itself the owner of evals/ in CODEOWNERS, in the pull request that moves the ruler",
        "eval-owners: those of the base",
        f"{_CHANGE}::test_owners_of_the_ruler_are_those_of_the_base",
    ),
    Attack(
        "renamed bucket",
        "renames the bucket that gets worse, beside the dataset",
        "split-this-pr",
        f"{_CHANGE}::test_a_change_of_ruler_and_subject_is_split",
    ),
    Attack(
        "dropped bucket",
        "takes a bucket off the suite, beside the dataset",
        "split-this-pr",
        f"{_CHANGE}::test_a_change_of_ruler_and_subject_is_split",
    ),
    Attack(
        "deleted case",
        "deletes the golden case that fails, beside the dataset",
        "split-this-pr",
        f"{_CHANGE}::test_a_change_of_ruler_and_subject_is_split",
    ),
    Attack(
        "waiver for itself",
        "adds a waiver beside the rows that need it",
        "split-this-pr",
        f"{_CHANGE}::test_a_change_of_ruler_and_subject_is_split",
    ),
    Attack(
        "hand-written report",
        "commits a report with a pass under evals/reports/ beside the dataset",
        "waiting: nothing reads it",
        f"{_CHANGE}::test_a_report_that_the_change_brings_is_no_verdict",
    ),
    Attack(
        "results of another change",
        "gets the ledger and the results branch to hold another change's results under its own key",
        "results-of-another-change",
        f"{_JUDGED}::test_results_of_another_change_count_for_nothing",
    ),
    Attack(
        "push before the record",
        "pushes another prompt or card after its model was evaluated and before the verdict is recorded",
        "refused: a run is recorded for the commit, prompts and manifest that it was made of",
        f"{_JUDGED}::test_a_run_is_not_recorded_for_what_was_pushed_after_it",
    ),
    Attack(
        "planted archive",
        "puts an archive on the results branch that the ledger does not know",
        "results-not-recorded, and no verdict",
        f"{_JUDGED}::test_an_archive_that_the_ledger_does_not_know_counts_for_nothing",
    ),
    Attack(
        "forged archive",
        "replaces a recorded archive by one with better answers",
        "results-altered",
        f"{_JUDGED}::test_a_forged_archive_is_an_error_and_is_not_judged_anew",
    ),
    Attack(
        "hostile archive",
        "replaces a recorded archive by a bomb, or by one with links and names that lead elsewhere",
        "results-altered",
        f"{_JUDGED}::test_a_forged_archive_is_an_error_and_is_not_judged_anew",
    ),
    Attack(
        "deleted archive",
        "deletes the archive of a verdict, to be measured again until it passes",
        "results-missing",
        f"{_JUDGED}::test_a_verdict_whose_results_are_gone_is_an_error",
    ),
    Attack(
        "symlink",
        "puts a symlink into datasets/ that leads to a file of the runner",
        "not-a-plain-file",
        f"{_CHANGE}::test_what_is_no_plain_file_is_refused",
    ),
    Attack(
        "line break in a path",
        "names a dataset file with a line break, to write a workflow command into the log",
        "odd-path",
        f"{_CHANGE}::test_odd_paths_are_refused",
    ),
    Attack(
        "path that leads out",
        "hands over a tree with an entry called `..`",
        "odd-path",
        f"{_CHANGE}::test_a_tree_that_leads_out_writes_nothing_outside",
    ),
    Attack(
        "names that are one",
        "brings `Card.yaml` beside `card.yaml`, which are one file on some machines",
        "odd-path",
        f"{_CHANGE}::test_odd_paths_are_refused",
    ),
    Attack(
        "filters and hooks",
        "brings .gitattributes that send every file through a filter of the runner",
        "nothing: no filter and no hook runs",
        f"{_CHANGE}::test_no_filter_hook_or_code_of_a_change_runs",
    ),
    Attack(
        "own code",
        "brings a scorer in Python that writes itself a good score",
        "nothing: code of a change is data",
        f"{_CHANGE}::test_no_filter_hook_or_code_of_a_change_runs",
    ),
    Attack(
        "YAML bomb",
        "writes a card whose aliases unfold to gigabytes",
        "error",
        f"{_CHANGE}::test_a_yaml_bomb_is_an_error_of_its_alias",
    ),
    Attack(
        "YAML bomb in the registry",
        "writes a models.yaml whose aliases unfold to gigabytes",
        "unreadable-change",
        f"{_CHANGE}::test_a_registry_that_cannot_be_read_blocks",
    ),
    Attack(
        "golden case with other names",
        "pastes a golden case into the training rows, its names and numbers swapped",
        "golden-entity-swap",
        f"{_CHANGE}::test_rows_that_give_the_golden_set_away_are_found",
    ),
    Attack(
        "golden case in disguise",
        "pastes a golden case with letters of another alphabet",
        "golden-near-leak",
        f"{_CHANGE}::test_rows_that_give_the_golden_set_away_are_found",
    ),
    Attack(
        "row twice in disguise",
        "repeats a row with a mark that nobody sees in front",
        "duplicate-row",
        f"{_CHANGE}::test_rows_that_give_the_golden_set_away_are_found",
    ),
    Attack(
        "address of a stranger",
        "sends the default model's questions, and the key, to an address of its own",
        "unknown-address",
        f"{_CHANGE}::test_a_model_at_an_address_of_the_change_is_not_asked",
    ),
    Attack(
        "prompt from elsewhere",
        "names a file of the runner, or of another suite, as the prompt of an arm, which no verdict's key covers",
        "error: a prompt lies inside the suite's own folder",
        f"{_CONTENT}::test_an_arm_reads_nothing_outside_its_suite",
    ),
    Attack(
        "rollback to what was hidden",
        "hides another model in the middle of a change that is merged by rebase, and rolls back to it",
        "promotion: what the base branch only passed through was never there",
        f"{_CONTENT}::test_what_a_rebased_change_only_passed_through_is_not_restored",
    ),
    Attack(
        "registry that takes hours",
        "puts a million empty lines into models.yaml",
        "nothing: told in seconds",
        f"{_CONTENT}::test_a_registry_full_of_nothing_is_told_in_seconds",
    ),
    Attack(
        "number that is none",
        "writes a number of thousands of digits, or a tag that does not fit its value",
        "unreadable-change",
        f"{_CONTENT}::test_a_value_that_is_none_is_told_with_its_line",
    ),
    Attack(
        "ruler among the reports",
        "calls an alias `reports`, so that its golden set lies where only evidence is looked for",
        "unknown-alias",
        f"{_CONTENT}::test_an_alias_does_not_hide_its_ruler_among_the_reports",
    ),
    Attack(
        "weaker baseline",
        "makes the prompt of base or of a cheaper arm worse, beside the rows that are held against it",
        "rivals-moved: a warning that names the file",
        f"{_CONTENT}::test_a_weaker_baseline_beside_the_rows_is_told",
    ),
    Attack(
        "another base",
        "opens the pull request against a branch with rules of its own",
        "not-the-default-branch",
        f"{_CHANGE}::test_a_change_against_another_branch_never_passes",
    ),
    Attack(
        "rollback that is none",
        "hides a promotion in a rollback",
        "promotion: every rule of the registry is asked",
        f"{_CHANGE}::test_a_rollback_with_anything_beside_it_is_a_promotion",
    ),
    Attack(
        "two in the queue",
        "queues two pull requests that passed alone and together are something that nobody measured",
        "retrain-together",
        "commands/test_merge_queue.py::test_two_queued_changes_of_one_alias_are_retrained_together",
    ),
    Attack(
        "huge change",
        "brings 3,000 files and more",
        "judged all the same; beyond the bounds: change-too-large",
        f"{_CHANGE}::test_a_huge_change_is_judged_and_one_beyond_the_bounds_is_refused",
    ),
    Attack(
        "hand-written report, pinned",
        "pins in models.yaml a report that it wrote itself, with a pass and a fitting seal, and promotes by it",
        "report-not-recorded: only jobs of the default branch write the ledger",
        f"{_REGISTRY}::test_each_missing_piece_of_evidence_is_refused_at_every_step",
    ),
    Attack(
        "edited report",
        "edits a report that passed or blocked, and pins the sha256 of the edited one",
        "report-altered",
        f"{_REGISTRY}::test_each_missing_piece_of_evidence_is_refused_at_every_step",
    ),
    Attack(
        "report of another model",
        "promotes a variant by the recorded pass of another manifest, adapter, alias or dataset",
        "report-of-another-model, report-of-another-dataset",
        f"{_REGISTRY}::test_each_missing_piece_of_evidence_is_refused_at_every_step",
    ),
    Attack(
        "report by another ruler",
        "promotes by a recorded pass on another golden set, safety suite or policy",
        "report-by-another-golden, report-by-another-policy",
        f"{_REGISTRY}::test_each_missing_piece_of_evidence_is_refused_at_every_step",
    ),
    Attack(
        "old report",
        "promotes by a pass older than the policy allows, or writes a later evaluated_at",
        "report-too-old: the time is the ledger's",
        f"{_REGISTRY}::test_each_missing_piece_of_evidence_is_refused_at_every_step",
    ),
    Attack(
        "another base under an adapter",
        "points a variant that passed at another base revision",
        "base-revision-differs",
        f"{_REGISTRY}::test_each_missing_piece_of_evidence_is_refused_at_every_step",
    ),
    Attack(
        "model swapped under callers",
        "changes model_id or flag of a variant that callers get",
        "variant-changed-while-served",
        f"{_REGISTRY}::test_a_new_flag_is_a_new_model_wherever_callers_or_shadow_requests_go",
    ),
    Attack(
        "step skipped",
        "raises a rollout past the next step, or before its time",
        "rollout-step-skipped, rollout-too-soon: by the history of the base branch",
        f"{_REGISTRY}::test_every_pair_of_rollouts_is_legal_or_refused_with_its_reason",
    ),
    Attack(
        "what was rolled back comes back",
        "restores an entry that was rolled back, and calls it a rollback",
        "promotion: every rule of the registry is asked",
        "unit/test_registry_transitions.py::test_an_entry_that_was_rolled_back_is_never_restored",
    ),
    Attack(
        "path out of the repository",
        "names `../` or a symlink as report, runbook or decision document",
        "a missing file: nothing is read from there",
        "unit/test_registry_evidence.py::test_nothing_outside_the_repository_is_read",
    ),
    Attack(
        "decision that persuades",
        "writes Markdown, links and mentions into decision.yaml, for whoever approves the spend",
        "words and nothing else, named as the document's; the matrix reads numbers and sealed reports",
        "unit/test_change_comment.py::test_hostile_text_changes_nothing_but_the_words",
    ),
    Attack(
        "decision turned after the verdict",
        "changes decision.yaml once a verdict was found under the same key",
        "against-decision or no-decision: the document is held anew under every verdict",
        "commands/test_judging_change.py::"
        "test_the_decision_document_makes_no_other_key_and_is_held_anew_under_the_same",
    ),
    Attack(
        "hand-edited gate",
        "edits gate.yml so that its own run ends green",
        "failure: the change is judged anew by the default branch",
        f"{_EVENTS}::test_whatever_became_of_the_gates_own_run_the_change_is_judged_here",
    ),
    Attack(
        "cancelled gate",
        "cancels the gate's run before it says no",
        "failure: the change is judged all the same",
        f"{_EVENTS}::test_whatever_became_of_the_gates_own_run_the_change_is_judged_here",
    ),
    Attack(
        "another workflow of the name",
        "adds a workflow that calls itself liftgate",
        "not-the-gate: nothing is published",
        f"{_EVENTS}::test_another_workflow_that_calls_itself_the_gate_is_not_heard",
    ),
    Attack(
        "forged artifact",
        "uploads an artifact with a pass and the number of another pull request",
        "nothing: no artifact is read, the head decides whose verdict it is",
        f"{_EVENTS}::test_a_pull_request_number_in_the_event_or_an_artifact_is_not_believed",
    ),
    Attack(
        "retargeted base",
        "passes against one branch and changes the base to another",
        "failure: not judged, it does not go into the default branch",
        f"{_EVENTS}::test_a_retargeted_pull_request_is_judged_again_and_loses_its_success",
    ),
    Attack(
        "base changed meanwhile",
        "changes the base while the change is judged",
        "failure: not judged, it does not go into the default branch",
        f"{_PUBLISH}::test_a_base_that_is_changed_while_it_is_judged_gets_no_success",
    ),
    Attack(
        "push while it is judged",
        "pushes another commit while the first is judged",
        "pending: superseded",
        f"{_FAULTS}::test_a_head_that_moves_while_it_is_judged_gets_no_success",
    ),
    Attack(
        "report job run again",
        "runs the report job of an older head again",
        "head-moved: nothing is published",
        f"{_EVENTS}::test_a_run_of_an_older_head_touches_nothing",
    ),
    Attack(
        "head of somebody else",
        "opens a pull request with the head of another one, against a branch without rules",
        "nothing: the verdict is that of the change to the default branch",
        f"{_PUBLISH}::test_a_second_pull_request_with_somebodys_head_neither_passes_nor_fails_it",
    ),
    Attack(
        "queue of another branch",
        "queues a change for a branch with rules of its own",
        "failure: not judged, it does not go into the default branch",
        f"{_EVENTS}::test_a_merge_group_into_another_branch_never_passes",
    ),
    Attack(
        "pasted marker",
        "pastes the hidden marker of the comment beside a pass",
        "nothing: the comment is looked up by its author, too",
        f"{_FAULTS}::test_a_pasted_marker_is_no_comment_of_ours",
    ),
    Attack(
        "forged status",
        "sets the status itself, with write access",
        "failure: overwritten by the next verdict; an app as expected source refuses it",
        f"{_PUBLISH}::test_a_forged_success_is_overwritten",
    ),
    Attack(
        "hostile words",
        "lets a model answer with workflow commands, Markdown, mentions, hidden letters or a megabyte",
        "nothing: words stay words in comment, status, log and outputs",
        f"{_WORDS}::test_whatever_somebody_wrote_is_words_on_github",
    ),
    Attack(
        "hostile branch",
        "names a branch so that a shell runs it",
        "nothing: no name reaches a shell",
        f"{_PUBLISH}::test_names_of_files_and_branches_reach_no_shell_and_no_command",
    ),
    Attack(
        "training run of its own",
        "gives a run of another branch the title of a training, so that the real one is not started",
        "nothing: only runs of the default branch count",
        f"{_DISPATCH}::test_a_title_alone_does_not_stop_a_training",
    ),
    Attack(
        "training for a fork",
        "lets rows and prompts of a fork meet the secrets of a training",
        "nothing is started: a maintainer does it by hand",
        f"{_DISPATCH}::test_nothing_is_started_for_a_fork_and_a_maintainer_reads_how",
    ),
    Attack(
        "code of the change publishes",
        "runs publish in a workflow that runs the change's own code",
        "error: publish runs on workflow_run only",
        f"{_EVENTS}::test_an_event_that_runs_code_of_the_change_publishes_nothing",
    ),
    Attack(
        "push after the label",
        "pushes after an approver set the label, with commits dated long ago",
        "not approved: GitHub's clock counts",
        f"{_APPROVAL}::test_a_commit_dated_in_the_past_does_not_make_a_label_newer",
    ),
    Attack(
        "push after the approval",
        "pushes other rows after the training was approved",
        "approval-missing, and the digest is another",
        f"{_APPROVAL}::test_other_rows_pushed_after_the_approval_are_not_trained_on",
    ),
    Attack(
        "push in between",
        "pushes while the approval is looked at",
        "not approved: looked at again at the end",
        f"{_APPROVAL}::test_a_push_while_the_approval_is_looked_at_is_noticed",
    ),
    Attack(
        "force push back",
        "pushes something else and then what was labelled",
        "not approved: the label is older",
        f"{_APPROVAL}::test_a_force_push_back_to_what_was_labelled_takes_the_label_away",
    ),
    Attack(
        "label of a stranger",
        "sets the label without being one of approval.approvers",
        "not approved",
        f"{_APPROVAL}::test_a_label_by_somebody_else_counts_for_nothing",
    ),
    Attack(
        "label set again",
        "sets the label that an approver took off",
        "not approved: who set it last counts",
        f"{_APPROVAL}::test_a_label_taken_off_and_set_again_by_a_stranger_counts_for_nothing",
    ),
    Attack(
        "own approval",
        "approves what they wrote, by label and by environment",
        "not approved",
        f"{_APPROVAL}::test_the_author_approves_by_neither_way",
    ),
    Attack(
        "own approval by proxy",
        "lets somebody else open the pull request with their commits, and approves it",
        "not approved: who wrote a commit is an author",
        f"{_APPROVAL}::test_who_wrote_a_commit_of_it_does_not_approve_either",
    ),
    Attack(
        "own approval behind many commits",
        "writes a commit beyond the 250 that GitHub lists of a pull request, and approves it",
        "not approved: who wrote it is not known",
        f"{_APPROVAL}::test_a_writer_does_not_hide_behind_more_commits_than_github_lists",
    ),
    Attack(
        "approval of another change",
        "opens a pull request with the rows of one that was approved",
        "approval-missing: it is for another change",
        f"{_APPROVAL}::test_an_approval_is_not_worth_anything_for_another_pull_request",
    ),
    Attack(
        "digest of another change",
        "asks to approve another change's manifest under the name of this one",
        "not approved: it would train another manifest",
        f"{_APPROVAL}::test_a_digest_of_another_pull_request_is_not_approved_here",
    ),
    Attack(
        "reviewers of another run",
        "shows a run of another workflow, branch, event, repository or training that somebody let pass",
        "not approved",
        f"{_APPROVAL}::test_reviewers_of_another_run_approve_nothing",
    ),
    Attack(
        "approvers of its own",
        "names itself under approval.approvers, in the pull request",
        "not approved: the policy of the default branch counts",
        f"{_APPROVAL}::test_a_policy_of_the_pull_request_names_no_approvers",
    ),
    Attack(
        "approvers of an old base",
        "keeps an old pull request open whose base still names an approver",
        "not approved: the policy of today counts",
        f"{_APPROVAL}::test_an_approver_whom_the_default_branch_no_longer_names_approves_nothing",
    ),
    Attack(
        "retargeted training",
        "retargets or closes the pull request after it was approved",
        "not approved, not trained",
        f"{_APPROVAL}::test_a_pull_request_that_goes_elsewhere_is_neither_approved_nor_trained",
    ),
    Attack(
        "forged approval",
        "gets an approval onto the ledger's branch that was edited by hand",
        "an edited entry is refused",
        f"{_APPROVAL}::test_an_approval_written_by_hand_is_refused",
    ),
    Attack(
        "workflow, action and program of its own",
        "edits gate.yml, the action and the program in its pull request, and uploads a pass",
        "the verdict of the default branch's code; nothing of the change is run or read as a verdict",
        f"{_ACT}::test_a_workflow_an_action_and_a_program_edited_in_the_change_decide_nothing",
    ),
    Attack(
        "commands in branch, title and body",
        "names the branch `$(touch x)` and writes `${{ secrets }}` into title and body",
        "nothing: workflows read numbers and commits of an event, never its texts",
        f"{_ACT}::test_texts_of_a_pull_request_run_nowhere",
    ),
    Attack(
        "workflow command in a path",
        "names a dataset file with line breaks and `::set-output`, so that a runner obeys it",
        "odd-path; the runner sees one line",
        f"{_ACT}::test_a_dataset_path_with_a_line_break_commands_no_runner",
    ),
]
