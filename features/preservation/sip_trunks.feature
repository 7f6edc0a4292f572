Feature: Calls over SIP trunks
  A SIP trunk joins a system with a carrier. When the carrier is lost, the system goes on with the call, or ends its leg
  of it with the phone: as the trunk says, and as the system says where the trunk says nothing.

  Background:
    Given a farm with servers "primary", "secondary", "carrier" and "other"
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
    And the far end is a SIP trunk at "carrier"
    And registrations last 60 s

  @AM-11 @AM-14 @AM-21
  Scenario: The system is lost, and the carrier keeps the call
    Given "primary" has a SIP trunk to "carrier"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "primary" has fault "kill"
    Then "carrier" notes "call preserved" within 1 s
    And audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s
    When the phone hangs up
    Then the phone sends REGISTER to "secondary" within 140 s

  @AM-11 @AM-28
  Scenario Outline: A SIP trunk that says nothing follows its system, which has preservation <system>
    Given "primary" has a SIP trunk to "carrier"
    And call preservation is <system> at "primary"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "carrier" has fault "kill"
    Then "primary" notes "call <what>" within 1 s

    Examples:
      | system | what      |
      | on     | preserved |
      | off    | released  |

  @AM-25 @AM-29
  Scenario: A trunk that is switched off gives its calls up, whatever its system says
    Given "primary" has a SIP trunk to "carrier" with call preservation off
    And call preservation is on at "primary"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "carrier" has fault "kill"
    Then "primary" notes "call released" within 1 s
    And "primary" sends BYE to the phone
    And the phone sends no audio for 5 s

  @AM-25 @AM-29
  Scenario: Only calls over that trunk are given up
    Given "primary" has a SIP trunk to "other" with call preservation off
    And "primary" has a SIP trunk to "carrier"
    And call preservation is on at "primary"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "other" has fault "kill"
    And "carrier" has fault "kill"
    Then "primary" notes "call preserved" within 1 s
    And audio keeps flowing both ways for 100 s
    And "primary" sends no BYE to the phone for 1 s

  @AM-25 @AM-29
  Scenario: A trunk that is switched on keeps its calls, whatever its system says
    Given "primary" has a SIP trunk to "carrier" with call preservation on
    And call preservation is off at "primary"
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "carrier" has fault "kill"
    Then "primary" notes "call preserved" within 1 s
    And audio keeps flowing both ways for 100 s
    And "primary" sends no BYE to the phone for 1 s
