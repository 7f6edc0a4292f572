Feature: A phone that does not keep its calls
  Outliving the server is no promise of every phone (AM-07). One without it may go over to another server while its user
  talks, and may end a call whose server does not answer.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with settings
      | session_timer.expires_s             | 90         |
      | session_timer.method                | invite     |
      | registration.method                 | successive |
      | call_in_progress.failover           | allowed    |
      | call_in_progress.on_signalling_loss | rfc        |
      | mcp.supported                       | false      |
    And the far end answers
    And registrations last 60 s
    And the phone is registered with "primary"

  @AM-02 @AM-08
  Scenario: It registers with the standby while the call is up
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then the phone sends REGISTER to "secondary" within 100 s
    And the phone is registered with "secondary"

  @AM-02 @AM-07
  Scenario: It ends a call whose session cannot be refreshed
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" answers INVITE with 481
    Then the phone sends BYE to "primary" within 50 s
