package steps

import org.junit.jupiter.api.Test

class BqEnsureTableTest extends StepTest {

    @Test
    void it_names_the_one_table_in_the_environment_and_unsets_the_list() {
        jenkins.agent.environment += [BQ_TABLES: 'left.over']
        succeeds("bqEnsureTable dataset: 'shop', table: 'orders'")
        assert environment.subMap(['PROJECT_ID', 'DATASET_ID', 'TABLE_ID', 'BQ_COMMAND']) ==
            [PROJECT_ID: 'global-project', DATASET_ID: 'shop', TABLE_ID: 'orders', BQ_COMMAND: 'ensure-table']
        assert !environment.containsKey('BQ_TABLES')
    }

    @Test
    void it_names_the_list_one_a_line_and_unsets_the_one_table() {
        jenkins.agent.environment += [DATASET_ID: 'left', TABLE_ID: 'over']
        succeeds("bqEnsureTable tables: ['shop.orders', 'shop.items']")
        assert environment.BQ_TABLES == 'shop.orders\nshop.items'
        assert !environment.containsKey('DATASET_ID')
        assert !environment.containsKey('TABLE_ID')
    }

    @Test
    void it_hands_over_everything_else_that_is_given() {
        succeeds('''bqEnsureTable dataset: 'd', table: 't', project: 'mine', mode: 'check', location: 'EU',
            configDir: 'schemas', junit: 'out.xml', deadline: 30''')
        assert environment.subMap(['PROJECT_ID', 'BQ_MODE', 'BQ_LOCATION', 'BQ_CONFIG_DIR', 'BQ_JUNIT_FILE',
            'BQ_DEADLINE_SECONDS']) == [PROJECT_ID: 'mine', BQ_MODE: 'check', BQ_LOCATION: 'EU',
                BQ_CONFIG_DIR: 'schemas', BQ_JUNIT_FILE: 'out.xml', BQ_DEADLINE_SECONDS: '30']
    }

    @Test
    void it_leaves_what_is_not_given_to_the_environment() {
        jenkins.agent.environment += [BQ_MODE: 'plan', BQ_LOCATION: 'US', BQ_CONFIG_DIR: 'theirs']
        succeeds("bqEnsureTable dataset: 'd', table: 't', mode: null, location: '', configDir: null")
        assert environment.subMap(['BQ_MODE', 'BQ_LOCATION', 'BQ_CONFIG_DIR']) ==
            [BQ_MODE: 'plan', BQ_LOCATION: 'US', BQ_CONFIG_DIR: 'theirs']
    }

    @Test
    void it_has_no_build_file_of_its_own_and_leaves_a_foreign_one_alone() {
        File foreign = new File(folder, 'foreign.json')
        foreign.text = '{}'
        jenkins.agent.environment += [BQ_BUILD_FILE: foreign.path]
        succeeds("bqEnsureTable dataset: 'd', table: 't'")
        assert !environment.containsKey('BQ_BUILD_FILE')
        assert foreign.file
    }

    @Test
    void it_runs_in_the_current_directory() {
        succeeds("dir('sub folder') { bqEnsureTable dataset: 'd', table: 't', configDir: 'config' }")
        assert received[0].folder.endsWith('work spaces/app/sub folder')
    }

    @Test
    void it_returns_the_result_as_a_plain_map() {
        python('echo \'{"status": "updated", "changes": [{"path": "a", "n": 1, "x": null, "t": true}]}\' > "$BQ_RESULT_FILE"')
        succeeds('''def result = bqEnsureTable dataset: 'd', table: 't'
            echo "got ${result.status} ${result.changes[0].path} ${result.changes[0].n + 1} ${result.changes[0].x} ${result.changes[0].t}"''')
        assert 'got updated a 2 null true' in jenkins.console.lines
    }

    @Test
    void a_text_that_no_environment_can_carry_is_refused_whole() {
        List<String> names = ['project', 'dataset', 'table', 'location', 'configDir', 'junit']
        assert refusals('bqEnsureTable', names.collect { [dataset: 'd', table: 't'] + [(it): 'nul\0here'] }) ==
            names.collect { "bqEnsureTable: '${it}' holds a NUL character, which no environment variable can carry".toString() }
        jenkins = newJenkins()
        assert refusals('bqEnsureTable', names.collect { [dataset: 'd', table: 't'] + [(it): 'x' * 200 * 1024] }) ==
            names.collect { "bqEnsureTable: '${it}' is 204800 bytes long, an environment variable carries 131008".toString() }
        assert received.empty
    }

    @Test
    void the_longest_text_that_is_taken_does_arrive() {
        String longest = 'é' * ((128 * 1024 - 64) / 2)
        succeeds('bqEnsureTable dataset: params.value, table: "t"', [value: longest])
        assert environment.DATASET_ID == longest
    }

    @Test
    void entries_of_tables_arrive_byte_for_byte_or_are_refused_whole() {
        List<String> refused = ['two\nlines', 'ends\n', 'CRLF\r\nhere', 'a\ttab', ' around ', ',']
        List<String> told = refusals('bqEnsureTable', NASTY.collect { [tables: ['a.b', it]] })
        assert [NASTY, told].transpose().findAll { value, message -> message }*.get(0) == refused
        assert told.every { it == null || it.startsWith("bqEnsureTable: 'tables' holds '") && it.readLines().size() == 1 }
        assert received*.environment*.BQ_TABLES == (NASTY - refused).collect { "a.b\n${it}".toString() }
    }

    @Test
    void all_problems_come_in_one_message_that_begins_with_the_steps_name() {
        jenkins.globalProperties.clear()
        String message = fails('bqEnsureTable tabel: "t", dataset: 7, mode: "aply", deadline: "soon", location: ["EU"]')
        assert message == "bqEnsureTable: 'tabel' is no parameter, did you mean 'table'?; 'dataset' must be text, not Integer; " +
            "'mode' is 'aply', it must be one of apply, plan, check; 'deadline' is text 'soon', it must be a whole number of seconds " +
            "above 0; 'location' must be text, not ArrayList; 'table' is missing; there is no project: give 'project', or set " +
            "PROJECT_ID in Jenkins' global properties"
        assert received.empty
    }

    @Test
    void a_wrong_call_is_refused_with_one_reason() {
        Map reasons = [
            [dataset: 'd']: "'table' is missing",
            [table: 't']: "'dataset' is missing",
            [mode: 'plan']: "give 'dataset' and 'table', or 'tables'",
            [dataset: null, table: '']: "give 'dataset' and 'table', or 'tables'",
            [table: 't', tables: ['a.b']]: "give 'dataset' and 'table', or 'tables', not both",
            [tables: []]: "'tables' is an empty list",
            [tables: ['a.b', '']]: "'tables' holds ''; an entry is not empty, has no comma, line break, or space around it",
            [tables: ['a.b', 3]]: "'tables' must be a list of texts, and holds Integer",
            [tables: ['a.b', null]]: "'tables' must be a list of texts, and holds null",
            [tables: 'a.b']: "'tables' must be a list of texts, not String",
            [tables: ['a.' + 'b' * 200 * 1024]]: "'tables' is 204802 bytes long, an environment variable carries 131008",
            [dataset: 'd', table: 't', deadline: 0]: "'deadline' is '0', it must be a whole number of seconds above 0",
            [dataset: 'd', table: 't', deadline: 1.5]: "'deadline' is '1.5', it must be a whole number of seconds above 0",
            [dataset: 'd', table: 't', deadline: true]: "'deadline' is 'true', it must be a whole number of seconds above 0",
        ]
        assert refusals('bqEnsureTable', reasons.keySet().toList()) == reasons.values().collect { "bqEnsureTable: ${it}".toString() }
        assert received.empty
    }

    @Test
    void an_unknown_parameter_is_told_the_nearest_name() {
        Map nearest = [Project: 'project', datset: 'dataset', tabel: 'table', Tables: 'tables', mood: 'mode', lokation: 'location',
                       config_dir: 'configDir', timeline: 'deadline']
        assert refusals('bqEnsureTable', nearest.keySet().collect { [dataset: 'd', table: 't'] + [(it): 'x'] }) ==
            nearest.collect { wrong, right -> "bqEnsureTable: '${wrong}' is no parameter, did you mean '${right}'?".toString() }
    }

    @Test
    void a_quoted_value_is_cut_and_stays_on_one_line() {
        assert fails('bqEnsureTable dataset: "d", table: "t", mode: "a\\nb" * 40') ==
            "bqEnsureTable: 'mode' is '${('a?b' * 20)}…', it must be one of apply, plan, check"
    }

    @Test
    void a_gstring_is_a_text() {
        succeeds('def name = "users"; bqEnsureTable tables: ["a.${name}"], mode: "${"pl"}an"')
        assert environment.BQ_TABLES == 'a.users'
        assert environment.BQ_MODE == 'plan'
    }

    @Test
    void without_a_project_it_fails_before_anything_else() {
        jenkins.globalProperties.clear()
        assert fails("bqEnsureTable dataset: 'd', table: 't'") ==
            "bqEnsureTable: there is no project: give 'project', or set PROJECT_ID in Jenkins' global properties"
        assert received.empty
        assert calls('writeFile').empty
    }

}
