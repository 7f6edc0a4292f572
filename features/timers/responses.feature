Feature: The phone's repetitions as a server
  A phone that is called repeats its final response until it is acknowledged: refusals by timer G (RFC 3261
  section 17.2.1, UDP only), acceptance by section 13.3.1.4 on any transport.

  Background:
    Given a farm with server "primary"

  @rfc3261-17.2.1
  Scenario Outline: An unacknowledged refusal over <transport>
    Given a phone that speaks <transport>
    And the phone is registered with "primary"
    And "primary" has fault "drop direction=out method=ACK"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180
    When the phone rejects the call with 486
    Then the phone repeats 486 to "primary" on the schedule

    Examples:
      | transport |
      | UDP       |
      | TCP       |

  @rfc3261-17.2.1
  Scenario: Nothing follows a refusal that nobody acknowledges
    Given a phone
    And the phone is registered with "primary"
    And "primary" has fault "drop direction=out method=ACK"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180
    When the phone rejects the call with 486
    Then the phone answers INVITE from "primary" with 486
    And the phone sends no BYE for 40 s

  @rfc3261-13.3.1.4
  Scenario Outline: A call over <transport> that nobody acknowledges is ended
    Given a phone that speaks <transport>
    And the phone is registered with "primary"
    And "primary" has fault "drop direction=out method=ACK"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180
    When the phone answers
    Then the phone sends BYE to "primary" within 36 s

    Examples:
      | transport |
      | UDP       |
      | TCP       |

  @rfc3261-15
  Scenario: Who hangs up before the ACK has come waits for it
    Given a phone
    And the phone is registered with "primary"
    And "primary" has fault "drop direction=out method=ACK first=2"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180
    When the phone answers
    Then the phone answers INVITE from "primary" with 200
    When the phone hangs up
    Then the call ends through "primary"

  @rfc3261-13.3.1.4
  Scenario Outline: An unacknowledged acceptance over <transport>
    Given a phone that speaks <transport>
    And the phone is registered with "primary"
    And "primary" has fault "drop direction=out method=ACK"
    When the far end calls the phone through "primary"
    Then the phone answers INVITE from "primary" with 180
    When the phone answers
    Then the phone repeats 200 to "primary" on the schedule
    And the phone sends BYE to "primary" within 36 s

    Examples:
      | transport |
      | UDP       |
      | TCP       |
