Feature: A call outlives its server
  Audio that runs past the server needs no server. A phone that keeps such calls lets them go on when it finds out that
  the server is lost, and leaves every server alone until the user ends the call; only then it registers again.

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

  @AM-01 @AM-05 @AM-14 @AM-15 @AM-16 @AM-31
  Scenario: The server falls silent, and the REGISTER that is due finds it out
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 200 s
    And the phone sends no BYE for 1 s
    And the phone sends no REGISTER to "secondary" for 1 s
    When the phone hangs up
    Then the phone sends REGISTER to "primary" within 94 s
    And the phone sends REGISTER to "secondary" within 140 s

  @AM-05 @AM-06 @AM-14
  Scenario: The way of the audio is cut for a while, too
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 100 s
    # Whoever hears nothing may end the call; whoever does not has a call that goes on.
    When "far end" has fault "media-loss"
    Then no audio comes from the far end for 30 s
    When the faults at "far end" end
    Then the phone sends no INVITE for 60 s

  @AM-14 @AM-15 @AM-16
  Scenario: The server closes its ports, and an ICMP error tells
    Given the phone speaks UDP
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "primary" has fault "closed"
    Then audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s

  @AM-14 @AM-15 @AM-16
  Scenario: The server closes its connections
    Given the phone speaks TCP
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "primary" has fault "closed"
    Then audio keeps flowing both ways for 120 s
    And the phone sends no BYE for 1 s

  @AM-14
  Scenario: A call that came in is kept, too
    Given the phone is registered with "primary"
    When the far end calls the phone through "primary"
    And the phone answers
    Then audio flows both ways within 1 s
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 150 s
    And the phone sends no BYE for 1 s

  @AM-15 @AM-31
  Scenario: The server comes back, and the phone does not mind before the call has ended
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 100 s
    When the faults at "primary" end
    Then audio keeps flowing both ways for 60 s
    And the phone sends no REGISTER for 60 s
    When the phone hangs up
    Then the call ends through "primary"
    And the phone is registered with "primary" within 94 s

  @AM-17 @AM-31 @time-scale
  Scenario: A preserved call is ended when its time is over
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then the phone sends BYE to "primary" within 400 s
    And the phone sends no INVITE for 20 s
    And the phone sends REGISTER to "secondary" within 560 s

  @AM-23 @AM-24
  Scenario: Nothing but its end can be done with a preserved call
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 100 s
    When the phone holds the call
    Then the phone sends no INVITE for 5 s
    And audio keeps flowing both ways for 5 s
    When the phone dials the far end
    Then the phone sends no INVITE for 5 s
    When the phone hangs up
    Then the phone sends BYE to "primary" within 1 s
    And the phone sends no audio for 5 s

  @AM-18
  Scenario: A call on hold is not preserved
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone holds the call
    Then the phone puts the call on hold within 1 s
    When "primary" has fault "silent"
    Then the phone sends REGISTER to "secondary" within 250 s

  @AM-18
  Scenario: A call that the far end holds is not preserved
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When the far end holds the call
    Then the phone answers INVITE from "primary" with 200 within 1 s
    When "primary" has fault "silent"
    Then the phone sends REGISTER to "secondary" within 250 s

  @AM-20
  Scenario: A call that is yet to be answered is not preserved
    Given the phone is registered with "primary"
    When "primary" has fault "silent"
    And the phone dials the far end
    Then the phone sends INVITE to "primary", then "secondary"

  @AM-20
  Scenario: A call that rings is not preserved
    Given the phone is registered with "primary"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180
    When "primary" has fault "silent"
    And the phone answers
    Then the phone sends BYE to "primary" within 40 s
    And the phone sends REGISTER to "primary" within 130 s

  @AM-03 @AM-04
  Scenario: A call without anything to say to the server
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    And audio keeps flowing both ways for 60 s
    And no audio has passed through "primary"
    And the phone sends no BYE for 1 s
    When the phone is left alone
    Then the phone sends no INVITE for 60 s
    And the phone sends no UPDATE for 1 s
    And the phone sends no OPTIONS for 1 s

  @AM-01 @AM-14 @AM-15 @AM-16 @AM-30
  Scenario: Two phones lose their server at once, and both keep their calls
    Given a second phone
    And the phone is registered with "primary"
    And the second phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary"
    When the second phone dials the far end
    Then the call of the second phone is established through "primary"
    When "primary" has fault "silent"
    Then audio of both phones keeps flowing both ways for 200 s
    And neither phone sends BYE for 1 s
    And neither phone sends INVITE for 1 s
    When the phone hangs up
    And the second phone hangs up
    Then the phone sends REGISTER to "primary" within 94 s
