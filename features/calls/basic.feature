Feature: A call through a healthy farm
  What every phone must do before any failover can be judged: call, be called, hang up.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"

  @YL-01
  Scenario: An outgoing call goes to the primary first
    Given a phone with profile "yealink-t5x"
    And the phone is registered with "primary"
    And the far end answers after 2 s
    When the phone dials the far end
    Then the phone sends INVITE to "primary" within 1 s
    And the call is established through "primary"
    And the phone sends no INVITE to "secondary" for 5 s

  @YL-01
  Scenario: A phone after RFC 3261 calls through the primary, too
    Given a phone
    And the far end answers
    When the phone dials the far end
    Then the call is established through "primary" within 1 s

  @rfc3261-15.1.1 @rfc3261-12.2.1.1
  Scenario: The phone hangs up
    Given a phone
    And the far end answers
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone hangs up
    Then the phone sends BYE to "primary" within 1 s
    And the phone sends BYE to "primary" with header "Route"
    And the call ends through "primary"

  @rfc3261-15.1.2
  Scenario: The far end hangs up
    Given a phone
    And the far end answers
    When the phone dials the far end
    Then the call is established through "primary"
    When the far end hangs up
    Then the phone answers BYE from "primary" with 200 within 1 s

  @rfc3261-9.1
  Scenario: The caller changes their mind while it rings
    Given a phone
    And the far end rings
    When the phone dials the far end
    Then "primary" sends 180 to the phone
    When the phone hangs up
    Then the phone sends CANCEL to "primary" within 1 s
    And the call fails with 487

  @YL-03 @rfc3261-9.1
  Scenario: The caller changes their mind before anybody has answered
    Given a phone
    And "primary" has fault "silent"
    And the far end rings
    When the phone dials the far end
    Then the phone sends INVITE to "primary" within 1 s
    When the phone hangs up
    Then the phone sends no CANCEL for 1 s
    When the faults at "primary" end
    Then the phone sends CANCEL to "primary" within 8 s
    And the call fails with 487

  @rfc3261-9.1 @rfc3261-15.1.1
  Scenario: The far end answers although the caller has changed their mind
    Given a phone
    And "primary" has fault "drop method=CANCEL"
    And the far end answers after 4 s
    When the phone dials the far end
    Then "primary" sends 180 to the phone
    When the phone hangs up
    Then the phone sends CANCEL to "primary" within 1 s
    And the phone sends BYE to "primary" within 6 s

  @rfc3261-17.1.1.3
  Scenario: The far end is busy
    Given a phone
    And the far end rejects with 486
    When the phone dials the far end
    Then the call fails with 486

  @rfc3261-13.3.1
  Scenario: The phone is called and answers
    Given a phone
    And the phone is registered with "primary"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180 within 1 s
    When the phone answers
    Then the phone answers INVITE from "primary" with 200 within 1 s
    When the phone hangs up
    Then the call ends through "primary"

  @rfc3261-13.3.1
  Scenario: The phone is called and rejects
    Given a phone
    And the phone is registered with "primary"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180 within 1 s
    When the phone rejects the call with 486
    Then the phone answers INVITE from "primary" with 486 within 1 s

  @rfc3261-18.2.2
  Scenario: A call over TCP
    Given a phone that speaks TCP
    And the phone is registered with "primary"
    And the far end answers after 1 s
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone hangs up
    Then the call ends through "primary"
