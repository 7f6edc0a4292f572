Feature: A call outlives a session that cannot be refreshed
  RFC 3261 section 12.2.1.2 and RFC 4028 section 10 end such a call with BYE. A phone that keeps its calls does not: what
  is heard goes on.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with settings
      | session_timer.expires_s             | 90         |
      | session_timer.method                | invite     |
      | registration.method                 | successive |
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

  @AM-14 @AM-15 @AM-16
  Scenario Outline: The refresh is answered <code>
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" answers INVITE with <code>
    Then the phone sends INVITE to "primary" within 50 s
    And audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s

    Examples:
      | code |
      | 408  |
      | 481  |
      | 503  |

  @AM-14 @AM-15 @AM-16
  Scenario: The refresh is not answered
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then the phone sends INVITE to "primary" within 50 s
    And audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s

  @AM-14
  Scenario: The far end does not refresh
    Given the far end refreshes sessions of 90 s
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s
