@precedence
Feature: Which call is preempted when a line is full
  A higher call comes in on a line without a free call appearance: the lowest call of that line makes room, of
  equals one that rings before one on hold before one that is connected.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone with profile "polycom-vvx-ucs58"

  @PA-06 @rfc4411-5
  Scenario: The lowest call makes room, though the user talks in it
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.requires_all_appearances | true |
    And line 1 has 4 call appearances occupied by
      | call | precedence | state    | age  |
      | a    | routine    | active   | 60 s |
      | b    | priority   | held     | 40 s |
      | c    | immediate  | held     | 20 s |
      | d    | priority   | alerting | 10 s |
    When a flash call "x" arrives
    Then call "a" is preempted with BYE and Reason preemption cause 1, before "x" is answered
    And call "x" alerts within 2 s
    And no other call is touched
    When the phone answers call "x"
    Then call "x" is answered

  @PA-06
  Scenario Outline: Profile <profile> has other names for the levels
    Given a phone with profile "<profile>"
    And line 1 has 2 call appearances occupied by
      | call | precedence | state  | age  |
      | a    | immediate  | held   | 20 s |
      | b    | priority   | active | 10 s |
    When a flash call "x" arrives
    Then call "b" is preempted with BYE and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s
    And no other call is touched

    Examples:
      | profile           |
      | polycom-vvx-ucs58 |
      | ascip-ucr         |

  @PA-06 @rfc4412-4.7.2.1
  Scenario: A phone that does not wait until the line is full ends the call that its user is in
    Given a phone with profile "polycom-vvx-ucs59" and settings
      | mlpp.requires_all_appearances | false |
    And line 1 has the calls
      | call | precedence | state  | age  |
      | a    | routine    | active | 10 s |
    When a flash call "x" arrives
    Then call "a" is preempted with BYE and Reason preemption cause 1, before "x" is answered
    And call "x" alerts within 2 s

  @PA-06
  Scenario: The lowest call makes room, though it is on hold and others ring
    Given line 1 has 3 call appearances occupied by
      | call | precedence | state    | age  |
      | a    | routine    | held     | 30 s |
      | b    | priority   | active   | 20 s |
      | c    | priority   | alerting | 10 s |
    When an immediate call "x" arrives
    Then call "a" is preempted with BYE and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s
    And no other call is touched

  @PA-06 @rfc4412-4.6.2
  Scenario: A call without precedence counts as the lowest
    Given line 1 has 2 call appearances occupied by
      | call | precedence | state  | age  |
      | a    | none       | held   | 20 s |
      | b    | priority   | active | 10 s |
    When a priority call "x" arrives
    Then call "a" is preempted with BYE and Reason preemption cause 1 within 2 s
    And no other call is touched

  @PA-06 @rfc4412-4.6.6
  Scenario: A call that is above some but not above all preempts the lowest
    Given line 1 has 2 call appearances occupied by
      | call | precedence     | state  | age  |
      | a    | flash-override | active | 20 s |
      | b    | routine        | held   | 10 s |
    When a priority call "x" arrives
    Then call "b" is preempted with BYE and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s
    And no other call is touched

  @PA-07
  Scenario: Of equals one that rings goes before one on hold
    Given line 1 has 3 call appearances occupied by
      | call | precedence | state    | age  |
      | a    | routine    | active   | 20 s |
      | b    | routine    | held     | 15 s |
      | c    | routine    | alerting | 10 s |
    When a flash call "x" arrives
    Then call "c" is preempted and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s
    And no other call is touched

  @PA-07
  Scenario: Of equals one on hold goes before one that is connected
    Given line 1 has 2 call appearances occupied by
      | call | precedence | state  | age  |
      | a    | routine    | active | 20 s |
      | b    | routine    | held   | 10 s |
    When a flash call "x" arrives
    Then call "b" is preempted with BYE and Reason preemption cause 1 within 2 s
    And no other call is touched

  @PA-08
  Scenario: Of equals that ring the newest goes
    Given line 1 has 3 call appearances occupied by
      | call | precedence | state    | age  |
      | a    | routine    | alerting | 30 s |
      | b    | routine    | alerting | 20 s |
      | c    | routine    | alerting | 10 s |
    When a flash call "x" arrives
    Then call "c" is preempted and Reason preemption cause 1 within 2 s
    And no other call is touched

  @PA-08
  Scenario Outline: Of equals on hold the one goes that the profile says: <tie>
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.tie.held | <tie> |
    And line 1 has 3 call appearances occupied by
      | call | precedence | state | age  |
      | a    | routine    | held  | 30 s |
      | b    | routine    | held  | 20 s |
      | c    | routine    | held  | 10 s |
    When a flash call "x" arrives
    Then call "<victim>" is preempted with BYE and Reason preemption cause 1 within 2 s
    And no other call is touched

    Examples:
      | tie      | victim |
      | shortest | c      |
      | longest  | a      |

  @PA-06 @rfc3261-9.1
  Scenario: A call that the phone has dialled is cancelled
    Given line 1 has 2 call appearances occupied by
      | call | precedence | state    | age  |
      | a    | flash      | held     | 20 s |
      | b    | none       | dialling | 10 s |
    When an immediate call "x" arrives
    Then call "b" is preempted with CANCEL and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s
    And no other call is touched

  @PA-06
  Scenario: Two higher calls in the same instant take the places of two
    Given line 1 has 3 call appearances occupied by
      | call | precedence | state    | age  |
      | a    | routine    | active   | 20 s |
      | b    | priority   | held     | 15 s |
      | c    | flash      | held     | 10 s |
    When an immediate call "x" and a flash call "y" arrive
    Then calls "a" and "b" are preempted with BYE and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s
    And call "y" alerts within 2 s
    And no other call is touched

  @PA-06
  Scenario: The far end of the preempted call never answers BYE
    Given line 1 has 2 call appearances occupied by
      | call | precedence | state  | age  |
      | a    | routine    | active | 20 s |
      | b    | priority   | held   | 10 s |
    And the far end of call "a" never answers BYE
    When a flash call "x" arrives
    Then call "a" is preempted with BYE and Reason preemption cause 1 within 2 s
    And call "x" alerts within 2 s
    When the phone answers call "x"
    Then call "x" is answered
    And audio of call "x" keeps flowing both ways for 40 s
    And no call is touched for 5 s
