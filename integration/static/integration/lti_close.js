// Tells Moodle, which holds this page in a frame, that the registration is done (IMS dynamic registration, 3.6).
(window.opener || window.parent).postMessage({ subject: "org.imsglobal.lti.close" }, "*");
