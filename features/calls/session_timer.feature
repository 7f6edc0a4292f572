Feature: Session timers
  RFC 4028: a session lasts for a time that both sides agree on, and one of them refreshes it at half of that time.
  Where nobody does, or where the other side is gone, the call ends with BYE.

  Background:
    Given a farm with servers "primary" and "secondary"
    And the far end answers

  @rfc4028-7.2
  Scenario Outline: The phone that has called refreshes by <request>
    Given a phone with settings
      | session_timer.expires_s              | 90       |
      | session_timer.method                 | <method> |
      | call_in_progress.on_signalling_loss  | rfc      |
      | mcp.supported                        | false    |
    When the phone dials the far end
    Then the call is established through "primary"
    And audio keeps flowing both ways for 100 s
    When the phone is left alone
    Then the phone sends <request> to "primary" within 50 s
    And the phone sends no BYE for 50 s

    Examples:
      | method | request |
      | invite | INVITE  |
      | update | UPDATE  |

  @rfc4028-9
  Scenario: The phone that was called asks for the timer, and refreshes
    Given a phone with settings
      | session_timer.expires_s | 90 |
    And the phone is registered with "primary"
    When the far end calls the phone through "primary"
    And the phone answers
    Then audio flows both ways within 1 s
    And the phone sends INVITE to "primary" within 50 s
    And the phone sends no BYE for 60 s

  @rfc4028-10
  Scenario: The far end refreshes
    Given a phone with settings
      | session_timer.expires_s | 90 |
    And the far end refreshes sessions of 90 s
    When the phone dials the far end
    Then the call is established through "primary"
    And audio keeps flowing both ways for 100 s
    When the far end hangs up
    Then the phone answers BYE from "primary" with 200 within 1 s

  @rfc4028-10
  Scenario: Refreshes that do not come end the call
    Given a phone with settings
      | session_timer.expires_s             | 90  |
      | call_in_progress.on_signalling_loss | rfc |
      | mcp.supported                       | false |
    And the far end refreshes sessions of 90 s
    And the phone is registered with "primary"
    When the far end calls the phone through "primary"
    And the phone answers
    Then audio flows both ways within 1 s
    When "primary" has fault "silent"
    Then the phone sends no INVITE for 95 s
    And the phone sends BYE to "primary" within 62 s

  @rfc4028-7.3
  Scenario: A session that is too short for the far end
    Given a phone with settings
      | session_timer.expires_s | 90 |
    And sessions last at least 120 s
    When the phone dials the far end
    Then the call is established through "primary" within 1 s
    And audio keeps flowing both ways for 100 s

  @rfc4028-9
  Scenario: A session that is too short for the phone
    Given a phone with settings
      | session_timer.expires_s | 1800 |
      | session_timer.min_se_s  | 600  |
    And the far end refreshes sessions of 90 s
    And the phone is registered with "primary"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 422 within 1 s

  @rfc3261-12.2.1.2 @rfc4028-10
  Scenario Outline: A refresh that is answered <code> ends the call
    Given a phone with settings
      | session_timer.expires_s             | 90       |
      | session_timer.method                | <method> |
      | call_in_progress.on_signalling_loss | rfc      |
      | mcp.supported                       | false    |
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" answers <request> with <code>
    Then the phone sends <request> to "primary" within 50 s
    And the phone sends BYE to "primary" within 50 s

    Examples:
      | code | method | request |
      | 408  | invite | INVITE  |
      | 481  | invite | INVITE  |
      | 408  | update | UPDATE  |
      | 481  | update | UPDATE  |

  @rfc3261-12.2.1.2 @rfc4028-10
  Scenario: A refresh without an answer ends the call
    Given a phone with settings
      | session_timer.expires_s             | 90  |
      | call_in_progress.on_signalling_loss | rfc |
      | mcp.supported                       | false |
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then the phone sends INVITE to "primary" within 50 s
    And the phone sends BYE to "primary" within 80 s

  @rfc3261-14.1 @rfc4028-10
  Scenario: A refresh that is refused otherwise is tried again
    Given a phone with settings
      | session_timer.expires_s             | 90     |
      | session_timer.method                | update |
      | call_in_progress.on_signalling_loss | rfc    |
      | mcp.supported                       | false  |
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "status code=500 method=UPDATE first=1"
    Then the phone sends UPDATE to "primary" within 50 s
    And the phone sends no BYE for 100 s
