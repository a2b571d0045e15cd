import bqsteps.Parameters
import bqsteps.Pod

/** Runs its block in a pod with Python, in the pod's container `python`. */
Object call(Object given = [:], Closure body) {
    Map checked = Parameters.check(given, [image: 'text', serviceAccount: 'text', retries: 'times'])
    Integer retries = checked.values.retries
    Closure inPod = {
        node(POD_LABEL) {
            container('python') {
                body()
            }
        }
    }
    return podTemplate(yaml: filled(checked), inheritFrom: '') {
        // Jenkins knows a lost pod by its template, so trying again only works inside of that.
        retries ? retry(count: retries, conditions: [kubernetesAgent(), nonresumable()], inPod) : inPod()
    }
}

/** That pod, for `agent { kubernetes { yaml bqPod.yaml() } }` and for a team's own podTemplate. */
String yaml(Object given = [:]) {
    return filled(Parameters.check(given, [image: 'text', serviceAccount: 'text']))
}

private String filled(Map checked) {
    List problems = checked.problems + Pod.problems(checked.values)
    if (problems) {
        error("bqPod: ${problems.join('; ')}")
    }
    return Pod.yaml(libraryResource(resource: 'bqsteps/pod.yaml', encoding: 'UTF-8'), checked.values)
}
