Feature: Reset at the word of a server
  A server tells the phone to start anew with NOTIFY of the event check-sync, which nobody has subscribed
  to. An idle phone does so at once; when it does so with a call up, its profile says.

  Background:
    Given a farm with servers "primary" and "secondary"
    And the far end answers

  @CC-09
  Scenario Outline: An idle phone resets at once, over <transport>
    Given a phone with profile "cisco-sip-enterprise" and settings
      | control.check_sync     | true     |
      | call_in_progress.reset | deferred |
    And the phone speaks <transport>
    And the phone is registered with "primary"
    When "primary" resets the phone
    Then the phone answers NOTIFY from "primary" with 200
    And the phone sends REGISTER to "primary" within 12 s

    Examples:
      | transport |
      | UDP       |
      | TCP       |

  @CC-08
  Scenario Outline: A phone with a call over <transport> resets when it is over
    Given a phone with profile "cisco-sip-enterprise" and settings
      | control.check_sync     | true     |
      | call_in_progress.reset | deferred |
    And the phone speaks <transport>
    And the phone is registered with "primary"
    When the phone dials the far end
    Then the call is established through "primary" within 1 s
    When "primary" resets the phone
    Then the phone answers NOTIFY from "primary" with 200
    And the phone sends no REGISTER to "primary" for 20 s
    And audio keeps flowing both ways for 5 s
    When the far end hangs up
    Then the phone answers BYE from "primary" with 200
    And the phone sends REGISTER to "primary" within 62 s

    Examples:
      | transport |
      | UDP       |
      | TCP       |

  @CC-09
  Scenario: A phone that cannot be reset goes on as before
    Given a phone with profile "cisco-sip-enterprise" and settings
      | control.check_sync | false |
    And the phone is registered with "primary"
    When "primary" resets the phone
    Then the phone sends no REGISTER to "primary" for 20 s
