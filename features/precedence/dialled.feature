@precedence
Feature: Calls that are dialled with precedence
  What is dialled says the level; every request of the call carries it from the first one on.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with profile "polycom-vvx-ucs58"

  @PA-01 @PA-02 @PA-04
  Scenario Outline: <digits> is a call of level <level>
    Given the phone is registered with "primary"
    When the phone dials "<digits>" as call "a"
    Then every INVITE of call "a" has precedence <level>
    And the call is established
    And every ACK of call "a" has precedence <level>

    Examples:
      | digits | level          |
      | 901002 | flash-override |
      | 911002 | flash          |
      | 921002 | immediate      |
      | 931002 | priority       |
      | 941002 | routine        |

  @PA-02
  Scenario Outline: A digit map that <does> the prefix, for <digits>
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.dialplan | [{prefix: "91", level: flash, strip: <strip>}] |
    And the phone is registered with "primary"
    When the phone dials "<digits>" as call "a"
    Then every INVITE of call "a" is addressed to "<user>"
    And every INVITE of call "a" has precedence flash

    Examples:
      | does       | strip | digits | user   |
      | takes away | true  | 911002 | 1002   |
      | keeps      | false | 911002 | 911002 |

  @PA-04
  Scenario: The level stays the same when the INVITE is repeated and tried elsewhere
    Given the phone is registered with "primary"
    And "primary" has fault "silent"
    When the phone dials the far end with precedence flash as call "a"
    Then the call is established through "secondary"
    And every INVITE of call "a" has precedence flash

  @PA-04 @rfc3261-22.3
  Scenario: The level stands in the INVITE that comes again with credentials
    Given the servers challenge every INVITE
    And the phone is registered with "primary"
    When the phone dials the far end with precedence flash as call "a"
    Then the phone sends INVITE to "primary" with header "Proxy-Authorization"
    And every INVITE of call "a" has precedence flash
    And the call is established through "primary"

  @PA-03 @rfc4412-4.3
  Scenario: Precedence is required to be understood where the profile says so
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.require | true |
    And the phone is registered with "primary"
    When the phone dials the far end with precedence flash as call "a"
    Then every INVITE of call "a" has header "Require: resource-priority"

  @PA-04
  Scenario: A number that says no level is dialled with the level that the profile gives such calls
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.dialplan      | []        |
      | mlpp.default_level | immediate |
    And the phone is registered with "primary"
    When the phone dials "1002" as call "a"
    Then every INVITE of call "a" has precedence immediate
    And the call is established

  @PA-05
  Scenario: The server raises the level of a call, and the phone goes by the new one
    Given line 1 has 2 call appearances occupied by
      | call | precedence | state  | age  |
      | a    | routine    | held   | 20 s |
      | b    | priority   | active | 10 s |
    When the far end changes call "a" to flash
    And an immediate call "x" arrives
    Then call "b" is preempted with BYE and Reason preemption cause 1 within 2 s
    And no other call is touched

  @PA-05
  Scenario: The far end answers with another level, and later requests carry that
    Given the phone is registered with "primary"
    And the far end answers with precedence immediate
    When the phone dials the far end with precedence routine as call "a"
    Then the call is established
    When the phone hangs up call "a"
    Then every BYE of call "a" has precedence immediate

  @PA-05
  Scenario: A phone that the server may not tell another level keeps its own
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.dialplan                | [{prefix: "93", level: priority}] |
      | mlpp.server_may_change_level | false                             |
    And the phone is registered with "primary"
    And the far end answers with precedence immediate
    When the phone dials the far end with precedence priority as call "a"
    Then the call is established
    When the phone hangs up call "a"
    Then every BYE of call "a" has precedence priority

  @PA-05
  Scenario: A call whose level the server may not raise is still the lowest
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.server_may_change_level | false |
    And line 1 has 2 call appearances occupied by
      | call | precedence | state  | age  |
      | a    | routine    | held   | 20 s |
      | b    | priority   | active | 10 s |
    When the far end changes call "a" to flash
    And an immediate call "x" arrives
    Then call "a" is preempted with BYE and Reason preemption cause 1 within 2 s
    And no other call is touched

  @PA-01 @rfc4412-4.6
  Scenario Outline: Precedence is refused with <code>
    Given the phone is registered with "primary"
    And the far end refuses precedence with <code>
    When the phone dials the far end with precedence flash as call "a"
    Then the call fails with <code>

    Examples:
      | code |
      | 403  |
      | 488  |
