@operator
Feature: What a user is told when no server takes the call
  No packet shows a display. Somebody at the phone is asked; the reference phone knows of itself.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "yealink-t5x" and settings
      | failover.triggers | [503, timeout] |
    And the far end answers
    And "primary" answers INVITE with 503
    And "secondary" answers INVITE with 503

  @YL-04
  Scenario: Every server has failed, and the phone says so
    Given "fallback" answers INVITE with 503
    When the phone dials the far end
    Then the call fails with 503
    And the person at the phone sees that the phone tells that the call has failed
    And the person at the phone sees that the display shows no call

  @YL-04
  Scenario: The last server takes the call, and nothing is told of the others
    When the phone dials the far end
    Then the call is established through "fallback"
    And the person at the phone sees that the phone tells of no failed call
    And the person at the phone sees that the display shows a call
