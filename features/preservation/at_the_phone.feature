@operator
Feature: What a user sees of a call that outlives its server
  No packet shows a display. Somebody at the phone is asked; the reference phone knows of itself.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with settings
      | session_timer.expires_s             | null       |
      | session_timer.method                | invite     |
      | registration.method                 | successive |
      | registration.retry.base_s           | 30         |
      | registration.refresh_lo             | 0.5        |
      | registration.refresh_hi             | 1.0        |
      | call_in_progress.failover           | forbidden  |
      | call_in_progress.on_signalling_loss | preserve   |
      | mcp.supported                       | true       |
      | mcp.max_s                           | 300        |
      | mcp.allowed_actions                 | [end]      |
      | mcp.not_preserve                    | [held]     |
      | mcp.restart_after_end_s             | 92         |
    And the far end answers
    And registrations last 60 s
    And the phone is registered with "primary"

  @AM-24
  Scenario: Softkeys and menus are dead as long as a call is preserved
    When the phone dials the far end
    Then the call is established through "primary"
    And the person at the phone sees that the display shows a call
    And the person at the phone sees that a feature menu opens
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 100 s
    And the person at the phone sees that the display shows a call
    And the person at the phone sees that no softkey works but the one that ends the call
    And the person at the phone sees that no feature menu opens
    When the phone hangs up
    Then the phone sends BYE to "primary" within 1 s
    And the person at the phone sees that the display shows no call

  @AM-23
  Scenario: A preserved call takes no key but the one that ends it
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 100 s
    When the phone holds the call
    Then the phone sends no INVITE for 5 s
    And audio keeps flowing both ways for 5 s
    And the person at the phone sees that the display shows no call on hold
    When the phone dials the far end
    Then the phone sends no INVITE for 5 s
    And the person at the phone sees that the display shows a call
    When the phone hangs up
    Then the phone sends BYE to "primary" within 1 s
    And the person at the phone sees that the display shows no call

  @AM-18
  Scenario: A call on hold is gone from the display when its server is lost
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone holds the call
    Then the phone puts the call on hold within 1 s
    And the person at the phone sees that the display shows a call on hold
    When "primary" has fault "silent"
    Then the phone sends REGISTER to "secondary" within 250 s
    And the person at the phone sees that the display shows no call
