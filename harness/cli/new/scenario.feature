Feature: NAME
  Say here for whom this matters, and why: it stands in the report.

  Background:
    Given a farm with servers "primary" and "secondary"
    # The phone, and what it is told: a model as in  a phone with profile "yealink-t5x",  or settings of its own.
    And a phone with settings
      | failover.triggers | [503, timeout] |
    And the far end answers

  # Ids of requirements, if it is about some, are tags: @YL-01.
  Scenario: NAME
    # What stands before the trigger: registrations, faults. All faults: harness/farm/faults/README.md
    Given the phone is registered with "primary"
    And "primary" answers INVITE with 503
    # What makes the phone act.
    When the phone dials the far end
    # What it must do then; times count from the last When. All sentences: sipfarm steps
    Then the phone sends INVITE to "primary", then "secondary"
    And the call is established through "secondary" within 2 s
