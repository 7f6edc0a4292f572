Feature: Calls between two systems, and over SIP trunks
  Whoever the other party is, a phone that keeps its calls keeps them alike. What the systems do is up to their switches:
  the one that is left when the other is lost goes on with the call, or ends its leg of it. The H.323 phones that the same
  switches govern are outside of what SIP can show.

  Background:
    Given a farm with servers "primary", "secondary" and "branch"
    And "primary" and "branch" are linked systems
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
    And the far end is a phone at "branch"
    And registrations last 60 s

  @AM-09 @AM-11 @AM-14 @AM-15 @AM-16 @AM-21 @AM-25 @AM-26
  Scenario: Both systems preserve, and the phone's is lost
    Given call preservation is on at "primary" and "branch"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "primary" has fault "kill"
    Then "branch" notes "call preserved" within 1 s
    And audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s
    And "branch" sends no BYE to the far end for 1 s
    When the phone hangs up
    Then the phone sends REGISTER to "secondary" within 140 s

  @AM-11 @AM-25 @AM-26
  Scenario: Both systems preserve, and the other one is lost
    Given call preservation is on at "primary" and "branch"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "branch" has fault "kill"
    Then "primary" notes "call preserved" within 1 s
    And audio keeps flowing both ways for 100 s
    And "primary" sends no BYE to the phone for 1 s

  @AM-11 @AM-14
  Scenario: The call came from the other system
    Given call preservation is on at "primary" and "branch"
    And the phone is registered with "primary"
    When the far end calls the phone through "branch"
    And the phone answers
    Then audio flows both ways within 1 s
    When "primary" has fault "silent"
    Then "branch" notes "call preserved" within 1 s
    And audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s

  @AM-11 @AM-14 @AM-21
  Scenario Outline: The other party is a <kind>
    Given the far end is a <kind>
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s
    When the phone hangs up
    Then the phone sends REGISTER to "secondary" within 140 s

    Examples:
      | kind          |
      | phone         |
      | SIP trunk     |
      | voicemail box |

  @AM-11 @AM-14
  Scenario: The session cannot be refreshed, as the other system is lost
    Given call preservation is on at "primary" and "branch"
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
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "branch" has fault "silent"
    Then "primary" notes "call preserved" within 1 s
    And the phone sends INVITE to "primary" within 50 s
    And audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s

  @AM-17
  Scenario: The phone's system ends the call that it has preserved for long enough
    Given call preservation is on at "primary" and "branch"
    And "primary" ends preserved calls after 90 s
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "branch" has fault "kill"
    Then "primary" notes "call preserved" within 1 s
    And "primary" sends no BYE to the phone for 85 s
    And "primary" notes "preserved call ended" within 95 s
    And "primary" sends BYE to the phone
    And the phone sends no audio for 5 s

  @AM-17
  Scenario: The far end's system ends the call that it has preserved for long enough
    Given call preservation is on at "primary" and "branch"
    And "branch" ends preserved calls after 90 s
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "primary" has fault "kill"
    Then "branch" notes "call preserved" within 1 s
    And "branch" sends no BYE to the far end for 85 s
    And "branch" notes "preserved call ended" within 95 s
    And "branch" sends BYE to the far end
    And no audio comes from the far end for 5 s

  @AM-27
  Scenario: The other system does not preserve, and ends what is left of the call
    Given call preservation is on at "primary"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "primary" has fault "kill"
    Then "branch" notes "call released" within 1 s
    And "branch" sends BYE to the far end
    And no audio comes from the far end for 5 s
    And the phone sends no BYE for 100 s

  @AM-26 @AM-27
  Scenario: The phone's own system does not preserve, and loses the other one
    Given call preservation is on at "branch"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "branch" has fault "kill"
    Then "primary" notes "call released" within 1 s
    And "primary" sends BYE to the phone
    And the phone sends no audio for 5 s

  @AM-19
  Scenario: A call to a hunt group that the phone is in is ended by the phone's system
    Given call preservation is on at "primary" and "branch"
    And "primary" has hunt group 300
    And the phone is registered with "primary"
    When the far end calls hunt group 300 through "branch"
    Then "primary" notes "hunt-group call" within 2 s
    When the phone answers
    Then audio flows both ways within 1 s
    When "branch" has fault "kill"
    Then "primary" notes "call released" within 1 s
    And "primary" sends BYE to the phone
    And the phone sends no audio for 5 s

  @AM-19
  Scenario: A call of the phone's to a hunt group is ended by the other system
    Given call preservation is on at "primary" and "branch"
    And the far end is a hunt group at "branch"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    And "branch" notes "hunt-group call" within 2 s
    When "primary" has fault "kill"
    Then "branch" notes "call released" within 1 s
    And "branch" sends BYE to the far end
    And no audio comes from the far end for 5 s

  @AM-19
  Scenario: A call to the phone's own number is none, though the system has a hunt group
    Given call preservation is on at "primary" and "branch"
    And "primary" has hunt group 300
    And the phone is registered with "primary"
    When the far end calls the phone through "branch"
    Then "primary" notes no "hunt-group call" for 2 s
    When the phone answers
    Then audio flows both ways within 1 s
    When "branch" has fault "kill"
    Then "primary" notes "call preserved" within 1 s
    And "primary" sends no BYE to the phone for 10 s

  @AM-18
  Scenario: A call on hold is not preserved by a system either
    Given call preservation is on at "primary" and "branch"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone holds the call
    Then the phone puts the call on hold within 1 s
    When "branch" has fault "kill"
    Then "primary" notes "call released" within 1 s
    And "primary" sends BYE to the phone

  @AM-02 @AM-08
  Scenario: A phone that does not preserve registers anew, and the call may break
    Given a phone with settings
      | session_timer.expires_s             | null       |
      | registration.method                 | successive |
      | registration.refresh_lo             | 0.5        |
      | registration.refresh_hi             | 1.0        |
      | call_in_progress.failover           | allowed    |
      | call_in_progress.on_signalling_loss | rfc        |
      | mcp.supported                       | false      |
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then "branch" notes "call released" within 1 s
    And the phone sends REGISTER to "secondary" within 100 s
    And the phone is registered with "secondary"
